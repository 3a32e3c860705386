#include "weir/control/name_schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using Then = NameSchedule::Then;

struct NameStep {
  Duration at;  // since the beginning
  LookUpEnd end;
  std::optional<Duration> ttl;
  Then then;
  Duration next;  // how long until it is asked again
};

struct NameRow {
  const char* what;
  std::vector<NameStep> steps;
};

constexpr std::optional<Duration> none = std::nullopt;

TEST(NameSchedule, SaysWhatBecomesOfTheAddressesAndWhenToAskAgain) {
  const std::vector<NameRow> rows{
      {"as long as it holds, within bounds",
       {{0s, LookUpEnd::found, 5s, Then::take, 5s},
        {5s, LookUpEnd::found, 0s, Then::take, 1s},
        {6s, LookUpEnd::found, 2h, Then::take, 30s},
        {36s, LookUpEnd::found, none, Then::take, 30s}}},
      {"without an address: soon, then less often, whatever the reason",
       {{0s, LookUpEnd::no_name, 300s, Then::keep, 100ms},
        {1s, LookUpEnd::timed_out, none, Then::keep, 200ms},
        {2s, LookUpEnd::failed, none, Then::keep, 500ms},
        {3s, LookUpEnd::no_data, none, Then::keep, 1s},
        {4s, LookUpEnd::failed, none, Then::keep, 2s},
        {6s, LookUpEnd::failed, none, Then::keep, 4s},
        {10s, LookUpEnd::failed, none, Then::keep, 8s},
        {18s, LookUpEnd::failed, none, Then::keep, 16s},
        {34s, LookUpEnd::failed, none, Then::keep, 30s},
        {64s, LookUpEnd::failed, none, Then::keep, 30s},
        {94s, LookUpEnd::found, 5s, Then::take, 5s}}},
      {"a failure keeps the last good, for ever",
       {{0s, LookUpEnd::found, 5s, Then::take, 5s},
        {5s, LookUpEnd::failed, none, Then::keep, 1s},
        {6s, LookUpEnd::timed_out, none, Then::keep, 1s},
        {7s, LookUpEnd::failed, none, Then::keep, 1s},
        {8s, LookUpEnd::failed, none, Then::keep, 1s},
        {9s, LookUpEnd::failed, none, Then::keep, 2s},
        {9h, LookUpEnd::failed, none, Then::keep, 4s},
        {10h, LookUpEnd::found, 5s, Then::take, 5s},
        {11h, LookUpEnd::failed, none, Then::keep, 1s}}},
      {"a name that is gone keeps them for a while, asked as its SOA says",
       {{0s, LookUpEnd::found, 5s, Then::take, 5s},
        {5s, LookUpEnd::no_name, 10s, Then::keep, 10s},
        {15s, LookUpEnd::no_data, none, Then::keep, 1s},
        {16s, LookUpEnd::failed, none, Then::keep, 1s},
        {17s, LookUpEnd::no_name, 2h, Then::keep, 18s},
        {35s, LookUpEnd::no_name, 10s, Then::drop, 100ms},
        {36s, LookUpEnd::no_name, 10s, Then::keep, 200ms}}},
      {"one that comes back begins anew",
       {{0s, LookUpEnd::found, 5s, Then::take, 5s},
        {5s, LookUpEnd::no_name, none, Then::keep, 1s},
        {30s, LookUpEnd::found, 5s, Then::take, 5s},
        {36s, LookUpEnd::no_name, none, Then::keep, 1s},
        {65s, LookUpEnd::no_name, none, Then::keep, 1s},
        {66s, LookUpEnd::no_name, none, Then::drop, 100ms}}},
      {"only an answer takes addresses away",
       {{0s, LookUpEnd::found, 5s, Then::take, 5s},
        {5s, LookUpEnd::no_name, none, Then::keep, 1s},
        {50s, LookUpEnd::timed_out, none, Then::keep, 1s},
        {60s, LookUpEnd::no_name, none, Then::drop, 100ms}}},
  };
  for (const NameRow& row : rows) {
    NameSchedule schedule;
    const TimePoint begin(1000h);
    for (std::size_t i = 0; i < row.steps.size(); ++i) {
      const NameStep& step = row.steps[i];
      const TimePoint now = begin + step.at;
      schedule.asked(now);
      EXPECT_EQ(schedule.answered(now, step.end, step.ttl, {}), step.then) << row.what << " " << i;
      EXPECT_EQ(schedule.due() - now, step.next) << row.what << " " << i;
    }
  }
}

TEST(NameSchedule, NothingIsKeptWhereItIsNotToBe) {
  NameSchedule schedule;
  const NameRules rules{.keep_on_nxdomain = 0s};
  const TimePoint now(1000h);
  schedule.answered(now, LookUpEnd::found, 1s, rules);
  EXPECT_TRUE(schedule.has_addresses());
  EXPECT_EQ(schedule.answered(now + 1s, LookUpEnd::no_name, 1s, rules), Then::drop);
  EXPECT_FALSE(schedule.has_addresses());
}

TEST(NameSchedule, FailedConnectsAskAtOnceAndAtMostEachSecond) {
  NameSchedule schedule;
  const TimePoint now(1000h);
  schedule.asked(now);
  schedule.answered(now + 10ms, LookUpEnd::found, 20s, {});
  schedule.connect_failed(now + 200ms);
  EXPECT_EQ(schedule.due(), now + 1s);
  schedule.asked(now + 1s);
  schedule.answered(now + 1s, LookUpEnd::found, 20s, {});
  schedule.connect_failed(now + 5s);
  EXPECT_EQ(schedule.due(), now + 5s);
  // Not later than it would have been asked anyway.
  schedule.asked(now + 5s);
  schedule.answered(now + 5s, LookUpEnd::found, 1s, {});
  schedule.connect_failed(now + 5s);
  EXPECT_EQ(schedule.due(), now + 6s);
}

TEST(NameSchedule, AskingAtOnceBeginsPausesAnew) {
  NameSchedule schedule;
  const TimePoint now(1000h);
  for (int i = 0; i < 5; ++i) schedule.answered(now, LookUpEnd::failed, none, {});
  schedule.ask_at_once(now);
  EXPECT_EQ(schedule.due(), now);
  schedule.answered(now, LookUpEnd::failed, none, {});
  EXPECT_EQ(schedule.due(), now + 100ms);
}

}  // namespace
}  // namespace weir::control
