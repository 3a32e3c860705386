// What a process and the one that takes its place say to each other: short texts, each one word and
// perhaps more behind it, over a pair of sockets. Main thread.
//
//   new: "waits WHY"                   what it still waits for
//   new: "failed LINES"                what is wrong, before it ends
//   new: "ready PID VERSION"           it could take over, and accepts nothing yet
//   old: "go"                          the sockets are yours; the old one accepts no more
//   old: "end"                         end at once; the old one serves on
//   new: "gone"                        it has itself handed over to another
//
// The end of the other without a word is the end of its process: then a new one takes over.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/asio.hpp"
#include "weir/base/descriptor.hpp"

namespace weir::app {

// Bytes of a text; longer ones are cut.
inline constexpr std::size_t longest_message = 32 * 1024;

// Whether the other end may have got it.
bool send_message(int fd, std::string_view text) noexcept;

// Both ends, with close-on-exec set.
std::expected<std::pair<Descriptor, Descriptor>, std::string> make_channel();

class UpgradeChannel : public std::enable_shared_from_this<UpgradeChannel> {
 public:
  using Heard = std::function<void(std::string_view word, std::string_view rest)>;

  UpgradeChannel(asio::io_context& main, Descriptor end) : end_(main, end.release()) {}

  // Calls `heard` for each text that comes, and `ended` once when the other end is closed; neither
  // after close().
  void listen(Heard heard, std::function<void()> ended);
  // Hears at once what has come.
  void look();
  bool send(std::string_view text) noexcept {
    return end_.is_open() && send_message(end_.native_handle(), text);
  }
  void close() noexcept;

 private:
  void wait();

  asio::posix::stream_descriptor end_;
  Heard heard_;
  std::function<void()> ended_;
};

}  // namespace weir::app
