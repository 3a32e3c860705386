#include "server/admin_places.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::server {
namespace {

using namespace std::chrono_literals;
using Doing = AdminPlaces::Doing;

class AdminPlacesTest : public testing::Test {
 protected:
  AdminPlaces::Connection* enter(const char* name) {
    now_ += 1s;
    return places_.enter(now_, [this, name] { gone_.emplace_back(name); });
  }

  AdminPlaces places_{3, 100};
  TimePoint now_{};
  std::vector<std::string> gone_;
};

TEST_F(AdminPlacesTest, TheIdlestGoesForANewcomer) {
  auto* a = enter("a");
  enter("b");
  enter("c");
  EXPECT_EQ(gone_, std::vector<std::string>());
  a->active = now_ + 1s;  // it has sent something since
  enter("d");
  EXPECT_EQ(gone_, std::vector<std::string>{"b"});
  enter("e");
  EXPECT_EQ(gone_, (std::vector<std::string>{"b", "c"}));
}

TEST_F(AdminPlacesTest, WhoLeavesMakesRoom) {
  auto* a = enter("a");
  enter("b");
  enter("c");
  places_.leave(*a);
  enter("d");
  EXPECT_EQ(gone_, std::vector<std::string>());
  EXPECT_EQ(places_.size(), 3u);
}

TEST_F(AdminPlacesTest, WhoWasSentAwayIsCountedOnce) {
  auto* a = enter("a");
  enter("b");
  enter("c");
  enter("d");
  EXPECT_TRUE(a->sent_away);
  places_.leave(*a);
  enter("e");
  EXPECT_EQ(gone_, (std::vector<std::string>{"a", "b"}));
}

TEST_F(AdminPlacesTest, SilenceGoesBeforeSlownessAndThatBeforeProbes) {
  enter("probe")->doing = Doing::serves_probe;
  places_.holds(now_, *enter("slow reader"), 10);
  enter("silent");
  enter("operator")->doing = Doing::changes;
  EXPECT_EQ(gone_, std::vector<std::string>{"silent"});
  enter("another operator")->doing = Doing::changes;
  enter("one more")->doing = Doing::changes;
  EXPECT_EQ(gone_, (std::vector<std::string>{"silent", "slow reader", "probe"}));
}

TEST_F(AdminPlacesTest, WhoHasJustComeIsAboutToAsk) {
  for (const char* name : {"a", "b", "c"}) enter(name)->doing = Doing::answers;
  // Within a moment: not the newcomers, which had no time to ask, but who has asked longest ago.
  places_.enter(now_ + 1ms, [this] { gone_.emplace_back("d"); });
  places_.enter(now_ + 2ms, [this] { gone_.emplace_back("e"); });
  EXPECT_EQ(gone_, (std::vector<std::string>{"a", "b"}));
  // A second later they are silent ones.
  enter("f");
  EXPECT_EQ(gone_, (std::vector<std::string>{"a", "b", "d"}));
}

TEST_F(AdminPlacesTest, WhatAnOperatorAskedIsFinished) {
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    auto* one = enter(name);
    ASSERT_NE(one, nullptr);
    one->doing = Doing::changes;
  }
  EXPECT_EQ(gone_, std::vector<std::string>());
  EXPECT_EQ(enter("beyond twice as many"), nullptr);
}

TEST_F(AdminPlacesTest, AnswersThatNobodyReadsAreBounded) {
  auto* a = enter("a");
  auto* b = enter("b");
  places_.holds(now_, *a, 60);
  places_.holds(now_, *b, 60);
  EXPECT_EQ(gone_, std::vector<std::string>{"a"});
  places_.leave(*a);
  places_.holds(now_, *b, 0);
  auto* c = enter("c");
  places_.holds(now_, *c, 100);
  EXPECT_EQ(gone_.size(), 1u);
  // One that is too large alone is sent all the same.
  places_.holds(now_, *c, 1000);
  EXPECT_EQ(gone_.size(), 1u);
  EXPECT_FALSE(c->sent_away);
}

TEST_F(AdminPlacesTest, WhoWatchesStaysHoweverLongNothingComes) {
  auto* a = enter("a");
  a->doing = Doing::watches;
  enter("b")->doing = Doing::serves_probe;
  enter("c");
  enter("d");
  enter("e");
  enter("f");
  EXPECT_EQ(gone_, (std::vector<std::string>{"c", "d", "e"}));
  EXPECT_FALSE(a->sent_away);
}

}  // namespace
}  // namespace weir::server
