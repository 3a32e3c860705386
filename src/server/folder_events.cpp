#include "server/folder_events.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weir::server {
namespace {

constexpr std::uint32_t folder_changes = IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                         IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
                                         IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

std::string FolderEvents::open() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return std::string("inotify: ") + std::strerror(errno);
  events_.emplace(main_, fd);
  wait();
  return {};
}

std::string FolderEvents::watch(const std::vector<std::string>& folders) {
  if (!events_) {
    if (std::string why = open(); !why.empty()) return why;
  }
  const int fd = events_->native_handle();
  std::string why;
  std::map<std::string, int> now;
  for (const std::string& folder : folders) {
    const int id = ::inotify_add_watch(fd, folder.c_str(), folder_changes);
    if (id >= 0) {
      now.emplace(folder, id);
    } else if (errno != ENOENT && errno != ENOTDIR) {
      why = folder + ": " + std::strerror(errno);
    }
  }
  // Two names of one folder have the same number.
  for (const auto& [folder, id] : watched_) {
    const bool stays =
        std::ranges::any_of(now, [id](const auto& each) { return each.second == id; });
    if (!stays) ::inotify_rm_watch(fd, id);
  }
  watched_ = std::move(now);
  return why;
}

void FolderEvents::wait() {
  events_->async_wait(asio::posix::stream_descriptor::wait_read,
                      [this](boost::system::error_code error) {
                        if (error || !events_) return;
                        const bool any = take();
                        wait();
                        if (any) told_();
                      });
}

bool FolderEvents::take() {
  alignas(inotify_event) std::array<char, 16384> bytes;
  bool any = false;
  while (true) {
    const ssize_t n = ::read(events_->native_handle(), bytes.data(), bytes.size());
    if (n <= 0 && !(n < 0 && errno == EINTR)) return any;
    for (ssize_t at = 0; at < n;) {
      inotify_event event;
      std::memcpy(&event, bytes.data() + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      // What we have given up ourselves is no news; a folder that is gone has told so before.
      if ((event.mask & IN_IGNORED) == 0) any = true;
    }
  }
}

void FolderEvents::stop() {
  boost::system::error_code ignored;
  if (events_) events_->close(ignored);
  events_.reset();
  watched_.clear();
}

}  // namespace weir::server
