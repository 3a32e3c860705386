// For tests of what happens when the process has no file descriptor left.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace weir::test {

// UBSan looks through a pipe at the type of what is called: without a descriptor it takes every
// object for one of another type.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool needs_descriptors = true;
#else
inline constexpr bool needs_descriptors = false;
#endif

// While it lives nothing can be opened and no connection accepted.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace weir::test
