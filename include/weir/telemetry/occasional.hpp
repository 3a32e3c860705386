// Lines for what may happen many times a second and what a client or an upstream can cause: the
// first of a kind is written at once, those that follow are counted, and the count is written once
// a minute. A kind is the message with its first fields (which upstream or listener, which cause).
//
//   log::occasionally(now, Level::warn, "connect failed",
//                     {{"upstream", name}, {"error", "ECONNREFUSED"}}, {{"endpoint", address}});
//   -> warn connect failed upstream=app error=ECONNREFUSED endpoint=10.0.0.1:80
//   -> warn connect failed upstream=app error=ECONNREFUSED endpoint=10.0.0.2:80 times=57
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::telemetry::log {

// Any thread; a call holds a lock for the time of a look-up in a table.
class Occasional {
 public:
  using Write =
      std::function<void(Level level, std::string_view message, std::span<const Field> fields)>;

  static constexpr Duration interval = std::chrono::minutes(1);
  // Kinds that are told apart at the same time. What is beyond them is counted together, as the
  // message `further failures`.
  static constexpr std::size_t most_kinds = 1024;
  // A value of a field is cut to this many bytes.
  static constexpr std::size_t longest_value = 256;

  // `write` is called without the lock, by who calls tell() and tell_counts().
  explicit Occasional(Write write) : write_(std::move(write)) {}

  // One more of the kind that `message` and `kind` name. `more` is written too, but tells no kinds
  // apart: in a line with a count it is that of the last one. `message` and the keys of the fields
  // are literals. Without memory the line is lost.
  void tell(TimePoint now, Level level, std::string_view message, Fields kind,
            Fields more = {}) noexcept;
  // Writes the counts whose minute is over, at most 64 of them; to be called about once a second.
  void tell_counts(TimePoint now) noexcept;
  // Writes all counts, at the end of the process.
  void tell_all_counts() noexcept;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Text {
    std::string_view key;
    std::string value;
  };
  struct Kind {
    Level level = Level::info;
    std::string_view message;
    std::vector<Text> kind;
    std::vector<Text> more;
    TimePoint due;            // when the count is written
    std::uint64_t times = 0;  // since the last line
  };

  // True when it is the first of its kind: the caller writes its line.
  bool note(TimePoint now, Level level, std::string_view message, Fields kind, Fields more);
  std::vector<Kind> take_due(TimePoint now, std::size_t most);
  void write_counts(const std::vector<Kind>& kinds) const;

  const Write write_;
  std::mutex mutex_;
  std::unordered_map<std::string, Kind, Hash, std::equal_to<>> kinds_;  // guarded by mutex_
};

// The process's own, which writes to the diagnostics.
void occasionally(TimePoint now, Level level, std::string_view message, Fields kind,
                  Fields more = {}) noexcept;
void tell_counts(TimePoint now) noexcept;
void tell_all_counts() noexcept;

}  // namespace weir::telemetry::log
