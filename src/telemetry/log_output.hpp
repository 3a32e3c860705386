// The end of the access log that writes: a target, what went wrong with it, and how long a slow
// reader is waited for. The writer thread only, but for lost().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "weir/base/time.hpp"
#include "weir/telemetry/access_log.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::telemetry {

class LogOutput {
 public:
  explicit LogOutput(LogTarget target) : target_(std::move(target)) {}

  // Writes whole lines and calls released(n) as bytes are done with, written or lost. While the
  // reader is slow, give_up() is asked every 100 ms whether to lose them instead.
  void write(std::string_view lines, const std::function<void(std::size_t)>& released,
             const std::function<bool()>& give_up);

  // Opens a file by its path again; keeps the open one if that fails.
  void reopen();
  void redirect(LogTarget target);

  // Lines that could not be written. Any thread.
  std::uint64_t lost() const noexcept { return lost_.value(); }

 private:
  // The number of bytes written; 0 with errno for none.
  std::size_t write_some(std::string_view bytes, const std::function<bool()>& give_up);
  // Counts what is given up and remembers whether a line's rest is still to come.
  void lose(std::string_view lines) noexcept;
  void complain(const char* what, int error);

  LogTarget target_;
  Counter lost_;
  bool mid_line_ = false;  // the last byte written did not end a line
  bool cut_ = false;  // and the rest of that line is lost: the next one needs a newline before it
  bool skipping_ = false;  // the beginning of a line is lost: the rest must not be written
};

}  // namespace weir::telemetry
