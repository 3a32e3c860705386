// Where a test of many steps is: told with each failure, and when the process ends in the middle.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>

namespace weir::test {

class Place {
 public:
  Place(const char* file, int line, std::string text)
      : text_(std::move(text)), trace_(file, line, text_), before_(std::exchange(now_, &text_)) {
    static const auto told = std::signal(SIGABRT, [](int) {
      if (now_ != nullptr) {
        static_cast<void>(::write(STDERR_FILENO, now_->data(), now_->size()) == 0 ||
                          ::write(STDERR_FILENO, "\n", 1) == 0);
      }
      std::signal(SIGABRT, SIG_DFL);
    });
    static_cast<void>(told);
  }
  ~Place() { now_ = before_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  static inline thread_local const std::string* now_ = nullptr;

  const std::string text_;
  const testing::ScopedTrace trace_;
  const std::string* const before_;
};

}  // namespace weir::test
