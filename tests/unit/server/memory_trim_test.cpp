#include "server/memory_trim.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;

struct Step {
  const char* name;
  std::uint64_t resident;  // MiB
  std::uint64_t in_use;
  bool due;
  std::uint64_t resident_after;  // when it was due
};

void follow(std::initializer_list<Step> steps) {
  TrimRule rule;
  for (const Step& step : steps) {
    EXPECT_EQ(rule.due({step.resident * mib, step.in_use * mib}), step.due) << step.name;
    if (step.due) {
      rule.trimmed({step.resident * mib, step.in_use * mib},
                   {step.resident_after * mib, step.in_use * mib});
    }
  }
}

TEST(TrimRule, ABurstThatEndedIsGivenBackOnce) {
  follow({{"at rest", 30, 20, false, 0},
          {"the burst", 500, 480, true, 490},
          {"goes on", 500, 480, false, 0},
          {"has ended", 500, 20, true, 35},
          {"at rest again", 36, 20, false, 0},
          {"the next", 500, 490, false, 0},
          {"has ended, too", 500, 20, true, 35}});
}

TEST(TrimRule, WhatIsNoBlockOfMallocIsLeftAlone) {
  follow({{"tables of callers fill", 100, 20, true, 100},
          {"stay", 100, 20, false, 0},
          {"a burst beside them", 400, 320, false, 0},
          {"has ended", 400, 20, true, 100},
          {"tables stay", 100, 20, false, 0}});
}

TEST(TrimRule, WhatBecameFreeBesideATrimGoesWithTheNext) {
  follow({{"the burst ends", 500, 300, true, 330},
          {"its rest ended meanwhile", 330, 20, true, 60},
          {"once more", 60, 20, true, 55},
          {"that gave little: enough", 55, 20, false, 0}});
}

TEST(TrimRule, LittleIsNotWorthALook) {
  follow({{"a little", 40, 25, false, 0}, {"a little more", 44, 29, false, 0}});
}

}  // namespace
}  // namespace weir::server
