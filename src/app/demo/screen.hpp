// The terminal that the demo's lines go to. A terminal that is stopped (Ctrl-S) holds up the thread
// that writes, for as long as it likes, unless somebody gives it up. One thread, but for what is
// told.
#pragma once

#include <atomic>
#include <string_view>

namespace weir::app {

class Screen {
 public:
  explicit Screen(int fd) noexcept : fd_(fd) {}

  // Waits while the terminal takes nothing.
  void write(std::string_view text) noexcept;
  // From now on write() leaves out what the terminal does not take at once. Any thread.
  void give_up() noexcept { given_up_ = true; }

 private:
  const int fd_;
  std::atomic<bool> given_up_ = false;
};

}  // namespace weir::app
