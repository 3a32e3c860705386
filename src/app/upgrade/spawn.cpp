#include "app/upgrade/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::app {
namespace {

// posix_spawn and not fork: a child of fork would copy the page tables of a large process, while
// its workers wait for their pages.
class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t later;
    sigemptyset(&later);
    for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&later, number);
    ::posix_spawnattr_setsigmask(&attributes_, &later);
    sigset_t plain;
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes_, &plain);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // 0, or what failed.
  int put(int fd, int at) { return ::posix_spawn_file_actions_adddup2(&actions_, fd, at); }
  // Libraries may have opened some without close-on-exec.
  int close_from(int at) { return ::posix_spawn_file_actions_addclosefrom_np(&actions_, at); }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

std::expected<pid_t, std::string> spawn_successor(const StartCommand& command, UpgradeNote note,
                                                  const Descriptor& channel,
                                                  const std::vector<net::HandedSockets>& sockets) {
  std::vector<int> fds{channel.get()};
  note.addresses.clear();
  for (const net::HandedSockets& one : sockets) {
    note.addresses.push_back(one.address);
    for (const Descriptor& fd : one.fds) fds.push_back(fd.get());
  }
  // Above all places, so that none is overwritten before it was put in its own.
  const int behind = channel_descriptor + static_cast<int>(fds.size());
  std::vector<Descriptor> high;
  SpawnSettings settings;
  int failed = 0;
  for (std::size_t i = 0; i < fds.size() && failed == 0; ++i) {
    Descriptor copy(::fcntl(fds[i], F_DUPFD_CLOEXEC, behind));
    if (!copy) return std::unexpected(std::string("fcntl: ") + std::strerror(errno));
    failed = settings.put(copy.get(), channel_descriptor + static_cast<int>(i));
    high.push_back(std::move(copy));
  }
  if (failed == 0) failed = settings.close_from(behind);
  if (failed != 0) return std::unexpected(std::string("posix_spawn: ") + std::strerror(failed));

  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = successor_environment(::environ, note);
  pid_t pid = 0;
  failed = ::posix_spawn(&pid, command.path.c_str(), settings.actions(), settings.attributes(),
                         pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return std::unexpected(command.path + ": " + std::strerror(failed));
  return pid;
}

}  // namespace weir::app
