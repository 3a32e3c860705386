// Watches the files of a configuration (`server.watch`): its own, those that it names, and the
// folder that they were listed from. What has come to be another is told once, when it has been
// still for a moment. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

#include "server/folder_events.hpp"
#include "weir/base/asio.hpp"
#include "weir/base/file_stamp.hpp"
#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"
#include "weir/control/debounce.hpp"

namespace weir::server {

// The certificates, keys and authorities of listeners and upstreams.
std::vector<std::string> tls_paths(const config::Config& config);

class ConfigWatch {
 public:
  struct Files {
    std::vector<config::ReadFile> read;  // as they were when they were read
    std::string listed_folder;           // "" for none
    std::vector<std::string> tls;        // which need no reload
  };

  // `reload`: some of `read`, or what is in the folder, is another. `look`: only some of `tls` is.
  ConfigWatch(asio::io_context& main, std::function<void()> reload, std::function<void()> look);

  // These from now on, and no others. What has changed since it was read is told.
  void watch(Files files);
  // None.
  void stop();

 private:
  struct Known {
    std::string path;
    FileStamp stamp;
  };

  void happened();
  void wait_until(TimePoint when);
  void look();
  // The folders as the links lead now.
  void arm();
  static bool changed(std::vector<Known>& files);

  const std::function<void()> reload_;
  const std::function<void()> look_;
  FolderEvents events_;
  asio::steady_timer timer_;
  control::Debounce burst_;
  std::vector<Known> read_;
  std::vector<Known> tls_;
  std::string folder_;
  std::vector<std::string> listed_;
  bool polls_ = false;  // inotify does not serve
  bool on_ = false;
};

}  // namespace weir::server
