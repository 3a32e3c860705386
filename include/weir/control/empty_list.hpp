// Whether a list of endpoints that something else writes is put in force. An empty one is more
// often a program's mistake than what is meant, so it has to stay empty for a while. A pure
// function of the times and lists that it is told; one a list, one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/base/time.hpp"

namespace weir::control {

class EmptyList {
 public:
  enum class Then : std::uint8_t {
    take,  // the list that was read is in force
    keep,  // that of before stays for now
  };

  // A list was read. `empty_after`: how long it has to be empty; zero: not at all.
  Then read(TimePoint now, bool is_empty, Duration empty_after) noexcept {
    if (!is_empty) {
      has_some_ = true;
      due_.reset();
      return Then::take;
    }
    if (!has_some_) return Then::take;
    if (!due_) since_ = now;
    due_ = since_ + empty_after;
    return take_if_due(now);
  }

  // The list could not be read, so it is not known to be empty.
  void failed() noexcept { due_.reset(); }

  // When the empty list is put in force, if it stays empty; nothing where none waits for that.
  std::optional<TimePoint> due() const noexcept { return due_; }
  // For then. `take`, once, when it is time.
  Then take_if_due(TimePoint now) noexcept {
    if (!due_ || now < *due_) return Then::keep;
    due_.reset();
    has_some_ = false;
    return Then::take;
  }

 private:
  bool has_some_ = false;  // the list in force has endpoints
  TimePoint since_{};      // when it became empty, with due_
  std::optional<TimePoint> due_;
};

}  // namespace weir::control
