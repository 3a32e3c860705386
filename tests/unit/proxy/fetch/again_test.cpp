#include "proxy/fetch/again.hpp"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

struct Row {
  const char* name;
  FailedTry failed;
  Repeatable request;
  bool again;
};

constexpr FailedTry dead{.failure = Reason::upstream_reset, .reused = true};
constexpr FailedTry refused{.failure = Reason::upstream_reset, .refused = true};
constexpr Repeatable get{.idempotent = true, .whole = true, .repeats = 0, .most_repeats = 3};
constexpr Repeatable post{.idempotent = false, .whole = true, .repeats = 0, .most_repeats = 3};

constexpr FailedTry changed(FailedTry failed, auto member, auto value) {
  failed.*member = value;
  return failed;
}
constexpr Repeatable changed(Repeatable request, auto member, auto value) {
  request.*member = value;
  return request;
}

constexpr Row table[]{
    {"a reused connection was dead", dead, get, true},
    {"so was the one for a POST", dead, post, false},
    {"a fresh connection was closed", changed(dead, &FailedTry::reused, false), get, false},
    {"a second dead connection", dead, changed(get, &Repeatable::repeats, 1u), false},
    {"dead amid an answer", changed(dead, &FailedTry::touched, true), get, false},
    {"dead, and content was lost", dead, changed(get, &Repeatable::whole, false), false},
    {"nothing may be repeated", dead, changed(get, &Repeatable::most_repeats, 0u), false},
    {"refused unread", refused, get, true},
    {"a POST refused unread", refused, post, true},
    {"refused on a reused connection", changed(refused, &FailedTry::reused, true), post, true},
    {"refused a third time", refused, changed(post, &Repeatable::repeats, 2u), true},
    {"refused a fourth time", refused, changed(post, &Repeatable::repeats, 3u), false},
    {"refused, and content was lost", refused, changed(post, &Repeatable::whole, false), false},
    {"refused behind an answer's head", changed(refused, &FailedTry::touched, true), get, false},
    {"no failure", changed(dead, &FailedTry::failure, Reason::none), get, false},
};

TEST(Again, IsDecidedByTheTryAndByWhatCanBeRepeated) {
  for (const Row& row : table) {
    EXPECT_EQ(is_sent_again(row.failed, row.request), row.again) << row.name;
  }
}

// Whatever else is true of a try, no other failure is sent again.
TEST(Again, OnlyAConnectionThatEndedIsReasonEnough) {
  for (std::size_t at = 0; at < reason_count; ++at) {
    const auto reason = static_cast<Reason>(at);
    FailedTry failed = refused;
    failed.failure = reason;
    failed.reused = true;
    EXPECT_EQ(is_sent_again(failed, get), reason == Reason::upstream_reset) << name(reason);
  }
}

}  // namespace
}  // namespace weir::proxy
