#include "server/saturation.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::server {
namespace {

using namespace std::chrono_literals;

// A loop that was busy for `busy` of each of `seconds`, sampled twice a second.
class Loaded {
 public:
  explicit Loaded(UseWindow& window) : window_(window) {}

  double run(double busy, int seconds) {
    for (int half = 0; half < seconds * 2; ++half) {
      use_.total += 500ms;
      use_.busy += std::chrono::milliseconds(static_cast<int>(500 * busy));
      window_.sample(use_);
    }
    return window_.share(use_);
  }
  const net::Loop::Use& use() const { return use_; }

 private:
  UseWindow& window_;
  net::Loop::Use use_;
};

TEST(UseWindow, NothingYetIsIdle) { EXPECT_EQ(UseWindow(1).share({}), 0); }

TEST(UseWindow, BeforeTheFirstSampleItIsTheWholeTime) {
  EXPECT_DOUBLE_EQ(UseWindow(1).share({.busy = 30ms, .total = 40ms}), 0.75);
}

TEST(UseWindow, TellsTheLastTwoSecondsWhateverWasBefore) {
  struct Row {
    const char* name;
    double before;
    double then;
  };
  for (const Row& row : {Row{"from idle to full", 0, 1}, Row{"from full to idle", 1, 0},
                         Row{"from full to half", 1, 0.5}, Row{"always half", 0.5, 0.5}}) {
    UseWindow window(1);
    Loaded loop(window);
    loop.run(row.before, 60);
    EXPECT_NEAR(loop.run(row.then, 2), row.then, 1e-9) << row.name;
  }
}

TEST(UseWindow, AskingOftenDoesNotShortenIt) {
  UseWindow window(1);
  Loaded loop(window);
  loop.run(0.5, 10);
  for (int i = 0; i < 100; ++i) EXPECT_DOUBLE_EQ(window.share(loop.use()), 0.5);
}

TEST(UseWindow, OfAQuotaBelowACpuItIsTheShareOfTheQuota) {
  struct Row {
    double cpus;
    double busy;
    double share;
  };
  for (const Row& row : {Row{0.5, 0.25, 0.5}, Row{0.5, 0.5, 1}, Row{0.75, 0.3, 0.4},
                         Row{0.5, 1, 1} /* throttled while it worked */}) {
    UseWindow window(row.cpus);
    Loaded loop(window);
    EXPECT_NEAR(loop.run(row.busy, 5), row.share, 1e-9) << row.cpus << ' ' << row.busy;
  }
}

}  // namespace
}  // namespace weir::server
