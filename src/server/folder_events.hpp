// Hears of changes in folders, by inotify: a file that was written and closed, made, removed, or
// renamed from or to there, and whatever happens to the folder itself. What has changed is not
// told: who hears of it looks. Main thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/asio.hpp"

namespace weir::server {

class FolderEvents {
 public:
  // `told` is called when something has happened, once for all that came together.
  FolderEvents(asio::io_context& main, std::function<void()> told)
      : main_(main), told_(std::move(told)) {}

  // These folders from now on, and no others. Tells why one cannot be watched, "" when all are; one
  // that is not there is no failure, as the folder above it tells when it is made.
  std::string watch(const std::vector<std::string>& folders);
  // None; watch() begins anew.
  void stop();

 private:
  std::string open();
  void wait();
  // Takes what has come; false: nothing.
  bool take();

  asio::io_context& main_;
  const std::function<void()> told_;
  std::optional<asio::posix::stream_descriptor> events_;  // from the first watch() on
  std::map<std::string, int> watched_;                    // what the kernel calls each folder
};

}  // namespace weir::server
