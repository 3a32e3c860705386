#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "weir/telemetry/access_log.hpp"

namespace weir::telemetry {
namespace {

bool writing_may_block(int fd) noexcept {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return true;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(fd) == 1;
}

}  // namespace

std::expected<LogTarget, std::string> LogTarget::open(std::string path) {
  LogTarget target;
  target.path_ = std::move(path);
  if (target.path_ == "off") return target;
  if (target.path_ == "stdout") {
    target.fd_ = STDOUT_FILENO;
  } else if (target.path_ == "stderr") {
    target.fd_ = STDERR_FILENO;
  } else {
    // Not waiting matters for a named pipe that nobody reads: it fails instead.
    target.fd_ = ::open(target.path_.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (target.fd_ < 0) {
      return std::unexpected("cannot open '" + target.path_ + "': " + std::strerror(errno));
    }
    target.is_file_ = true;
  }
  target.may_block_ = writing_may_block(target.fd_);
  return target;
}

LogTarget::LogTarget(LogTarget&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      is_file_(std::exchange(other.is_file_, false)),
      may_block_(other.may_block_) {}

LogTarget& LogTarget::operator=(LogTarget&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(is_file_, other.is_file_);
  std::swap(may_block_, other.may_block_);
  return *this;
}

LogTarget::~LogTarget() {
  if (is_file_) ::close(fd_);
}

}  // namespace weir::telemetry
