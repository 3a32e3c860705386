#include "app/terminate.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <thread>

namespace weir::app {
namespace {

// As a worker's thread ends when its loop throws.
template <class Exception>
void die_of(const Exception& exception) {
  explain_terminate();
  std::thread([&] { throw exception; }).join();
}

TEST(TerminateDeathTest, SaysWhatEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(die_of(std::bad_alloc()),
               "weir: out of memory where no request could be given up for it; the process ends");
  EXPECT_DEATH(die_of(std::runtime_error("no epoll")), "weir: no epoll; the process ends");
  EXPECT_DEATH(die_of(1), "weir: an exception without a name; the process ends");
}

}  // namespace
}  // namespace weir::app
