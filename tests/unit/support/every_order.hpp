// Events in every order, for tests of what holds whatever comes first.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "weir/base/task.hpp"

namespace weir::test {

// Lets `happen(order, in_turns)`, which makes a Task<>, run with each order of the numbers below
// `events`: all of them at once, and each in a turn of its own. Ends with the first failure.
template <class Happen>
Task<> in_every_order(std::size_t events, Happen happen) {
  for (const bool in_turns : {false, true}) {
    std::vector<std::size_t> order(events);
    std::iota(order.begin(), order.end(), 0);
    do {
      co_await happen(order, in_turns);
      if (testing::Test::HasFailure()) co_return;
    } while (std::ranges::next_permutation(order).found);
  }
}

}  // namespace weir::test
