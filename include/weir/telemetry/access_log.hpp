// The access log: workers format lines into a ring of their own, one thread writes them out in
// batches. A worker never waits and in the usual case makes no system call: the writer looks every
// 50 ms and is rung only when it slept for long or a ring is half full. What does not fit is
// dropped and counted. One per process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "weir/telemetry/access_record.hpp"

namespace weir::telemetry {

// Where lines go, opened: "stdout", "stderr", a file (appended to, created with 0644), or "off".
class LogTarget {
 public:
  // The open target or the reason why not, for the operator. Any thread.
  static std::expected<LogTarget, std::string> open(std::string path);

  LogTarget() = default;  // "off"
  LogTarget(LogTarget&& other) noexcept;
  LogTarget& operator=(LogTarget&& other) noexcept;
  ~LogTarget();

  const std::string& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_; }                 // -1: off
  bool is_file() const noexcept { return is_file_; }      // opened by path, can be opened again
  bool may_block() const noexcept { return may_block_; }  // a pipe, socket or terminal

 private:
  std::string path_ = "off";
  int fd_ = -1;
  bool is_file_ = false;
  bool may_block_ = false;
};

class AccessLog {
 public:
  static constexpr std::size_t default_ring_size = std::size_t{1} << 20;

  // Starts the writer thread. `ring_size`: bytes per worker, a power of two, at least 256 KiB.
  AccessLog(unsigned workers, LogTarget target, std::size_t ring_size = default_ring_size);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();  // stop()

  // Whether a record with these facts is to be written; one that is not `always` counts towards the
  // worker's sample, so ask once. Worker thread.
  bool wants(unsigned worker, const AccessPolicy& policy, int status, Reason reason,
             Duration duration) noexcept;
  // Formats and queues a line without asking wants(). Worker thread.
  void append(unsigned worker, const AccessPolicy& policy, const AccessRecord& record) noexcept;
  // Both. Worker thread.
  void write(unsigned worker, const AccessPolicy& policy, const AccessRecord& record) noexcept {
    if (wants(worker, policy, record.status, record.reason, record.duration)) {
      append(worker, policy, record);
    }
  }

  // Opens the file anew after what is queued was written (SIGUSR1); keeps the old one and logs if
  // that fails. Any thread, does not wait.
  void reopen() noexcept;
  // What is queued still goes to the old target, what follows to this one (reload). Any thread,
  // does not wait.
  void redirect(LogTarget target);
  // Writes what is queued, for at most two seconds, and ends the thread. REQUIRES: workers are
  // done.
  void stop();

  // Lines lost since the start: rings full or writing failed. Any thread.
  std::uint64_t dropped() const noexcept;

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace weir::telemetry
