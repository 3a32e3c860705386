// The terminal that keys are read from: each as it is pressed, without Enter and unseen. Ctrl-C and
// Ctrl-Z stay signals. One thread.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

namespace weir::app {

class Keyboard {
 public:
  // `fd`: the terminal that controls this process; it stays open and the caller's. Takes nothing
  // yet.
  explicit Keyboard(int fd) noexcept : fd_(fd) {}
  ~Keyboard() { release(); }
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;

  // Makes keys arrive one by one. Does nothing while this process is not in the terminal's
  // foreground: another one has the terminal then. A shell that stops this process and continues it
  // changes the terminal meanwhile, so that it is to be taken again.
  void take() noexcept;
  bool is_taken() const noexcept { return before_.has_value(); }
  // Puts the terminal back as take() found it.
  void release() noexcept;

  int fd() const noexcept { return fd_; }
  // The keys that were pressed, "" in the background; nothing when the terminal is gone. Waits for
  // the first one.
  std::optional<std::string> read() const;

 private:
  bool is_in_foreground() const noexcept;

  const int fd_;
  std::optional<termios> before_;  // while taken
};

}  // namespace weir::app
