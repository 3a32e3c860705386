#include "proxy/fetch/again.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace weir::proxy {
namespace {

struct AgainRow {
  const char* name;
  EndedTry ended;
  Repeatable request;
  const RetryRule* rule;
  Again again;
};

template <class T>
T with(T value, auto member, auto to) {
  value.*member = to;
  return value;
}

constexpr EndedTry dead{.failure = Reason::upstream_reset, .reused = true};
constexpr EndedTry lost{.failure = Reason::upstream_reset};
constexpr EndedTry refused{.failure = Reason::upstream_reset, .refused = true};
constexpr EndedTry unsent{.failure = Reason::upstream_reset, .unsent = true};
constexpr EndedTry no_connection{
    .failure = Reason::connect_failed, .connected = false, .unsent = true};
constexpr EndedTry answered(int status, GrpcStatus grpc = no_grpc_status) {
  return {.touched = true, .status = status, .grpc = grpc};
}

constexpr Repeatable get{.idempotent = true,
                         .whole = true,
                         .repeats = 0,
                         .most_repeats = 3,
                         .elsewhere = true,
                         .retried = true,
                         .kept = true,
                         .retries = 0};
constexpr Repeatable post{.idempotent = false,
                          .whole = true,
                          .repeats = 0,
                          .most_repeats = 3,
                          .elsewhere = true,
                          .retried = false,
                          .kept = true,
                          .retries = 0};

RetryRule rule_of(config::RetryConditions conditions) {
  config::Retry retry;
  retry.retries = 2;
  retry.conditions = std::move(conditions);
  return RetryRule(retry);
}
const RetryRule usual = rule_of({});
const RetryRule of_503 = rule_of(
    {.connect = false, .reset = false, .timeout = false, .statuses = {503, 429}, .grpc = {}});
const RetryRule of_grpc =
    rule_of({.connect = false, .reset = false, .timeout = false, .statuses = {}, .grpc = {14, 8}});

const AgainRow again_table[]{
    // Without a rule.
    {"a reused connection was dead", dead, get, nullptr, Again::replay},
    {"so was the one for a POST", dead, post, nullptr, Again::no},
    {"of which nothing was sent", with(dead, &EndedTry::unsent, true), post, nullptr,
     Again::replay},
    {"a fresh connection was closed", lost, get, nullptr, Again::no},
    {"a second dead connection", dead, with(get, &Repeatable::repeats, 1u), nullptr, Again::no},
    {"dead amid an answer", with(dead, &EndedTry::touched, true), get, nullptr, Again::no},
    {"dead, and content was lost", dead, with(get, &Repeatable::whole, false), nullptr, Again::no},
    {"nothing may be repeated", dead, with(get, &Repeatable::most_repeats, 0u), nullptr, Again::no},
    {"refused unread", refused, get, nullptr, Again::replay},
    {"a POST refused unread", refused, post, nullptr, Again::replay},
    {"refused on a reused connection", with(refused, &EndedTry::reused, true), post, nullptr,
     Again::replay},
    {"refused a third time", refused, with(post, &Repeatable::repeats, 2u), nullptr, Again::replay},
    {"refused a fourth time", refused, with(post, &Repeatable::repeats, 3u), nullptr, Again::no},
    {"refused, and content was lost", refused, with(post, &Repeatable::whole, false), nullptr,
     Again::no},
    {"refused behind an answer's head", with(refused, &EndedTry::touched, true), get, nullptr,
     Again::no},
    {"reset before anything was sent", unsent, post, nullptr, Again::elsewhere},
    {"the same at the last endpoint", unsent, with(post, &Repeatable::elsewhere, false), nullptr,
     Again::no},
    {"no connection", no_connection, get, nullptr, Again::no},
    {"an answer", answered(503), get, nullptr, Again::no},

    // With a rule.
    {"what goes on without one", dead, get, &usual, Again::replay},
    {"lost", lost, get, &usual, Again::retry},
    {"lost, a POST", lost, post, &usual, Again::no},
    {"lost, a POST whose method is listed", lost, with(post, &Repeatable::retried, true), &usual,
     Again::retry},
    {"lost amid a head", with(lost, &EndedTry::touched, true), get, &usual, Again::retry},
    {"lost, and the rule does not say so", lost, get, &of_503, Again::no},
    {"lost, and content was lost", lost, with(get, &Repeatable::kept, false), &usual, Again::lost},
    {"the last retry", lost, with(get, &Repeatable::retries, 1u), &usual, Again::retry},
    {"one too many", lost, with(get, &Repeatable::retries, 2u), &usual, Again::no},
    {"a second dead connection, by the rule", dead, with(get, &Repeatable::repeats, 1u), &usual,
     Again::retry},
    {"refused a fourth time, a POST", refused, with(post, &Repeatable::repeats, 3u), &usual,
     Again::retry},
    {"no connection for a POST", no_connection, post, &usual, Again::retry},
    {"no connection, whatever became of content", no_connection,
     with(post, &Repeatable::kept, false), &usual, Again::retry},
    {"no connection, and the rule does not say so", no_connection, get, &of_503, Again::no},
    {"timed out", with(lost, &EndedTry::failure, Reason::request_timeout), get, &usual,
     Again::retry},
    {"timed out, a POST", with(lost, &EndedTry::failure, Reason::request_timeout), post, &usual,
     Again::no},
    {"no answer", with(lost, &EndedTry::failure, Reason::upstream_bad_response), get, &usual,
     Again::no},
    {"no HTTP/2", with(no_connection, &EndedTry::failure, Reason::upstream_bad_response), get,
     &usual, Again::retry},
    {"a certificate was refused", with(lost, &EndedTry::failure, Reason::upstream_tls_failed), get,
     &usual, Again::retry},
    {"the client left", with(lost, &EndedTry::failure, Reason::client_closed), get, &usual,
     Again::no},
    {"no place", with(no_connection, &EndedTry::failure, Reason::pool_full), get, &usual,
     Again::no},
    {"503", answered(503), get, &usual, Again::retry},
    {"500", answered(500), get, &usual, Again::no},
    {"200", answered(200), get, &usual, Again::no},
    {"101", answered(101), get, &usual, Again::no},
    {"429, listed", answered(429), get, &of_503, Again::retry},
    {"503 to a POST", answered(503), post, &usual, Again::no},
    {"503, and content was lost", answered(503), with(get, &Repeatable::kept, false), &usual,
     Again::lost},
    {"503 to a POST whose content was lost", answered(503), with(post, &Repeatable::kept, false),
     &usual, Again::no},
    {"UNAVAILABLE", answered(200, 14), with(post, &Repeatable::retried, true), &of_grpc,
     Again::retry},
    {"UNAVAILABLE, and the rule does not say so", answered(200, 14),
     with(post, &Repeatable::retried, true), &usual, Again::no},
    {"INTERNAL", answered(200, 13), with(post, &Repeatable::retried, true), &of_grpc, Again::no},
    {"no code that gRPC has", answered(200, other_grpc_status),
     with(post, &Repeatable::retried, true), &of_grpc, Again::no},
    {"OK", answered(200, 0), with(post, &Repeatable::retried, true), &of_grpc, Again::no},
};

TEST(Again, IsDecidedByTheTryTheRequestAndTheRule) {
  for (const AgainRow& row : again_table) {
    EXPECT_EQ(again(row.ended, row.request, row.rule), row.again) << row.name;
  }
}

// Whatever else is true of a try, without a rule no other failure is sent again.
TEST(Again, OnlyAConnectionThatEndedIsReasonEnough) {
  for (std::size_t at = 0; at < reason_count; ++at) {
    const auto reason = static_cast<Reason>(at);
    EndedTry ended = refused;
    ended.failure = reason;
    ended.reused = true;
    EXPECT_EQ(again(ended, get, nullptr) == Again::replay, reason == Reason::upstream_reset)
        << name(reason);
  }
}

struct MethodRow {
  const char* name;
  config::RetryMethods methods;
  bool idempotency_key;
  const char* method;
  bool has_key;
  bool allowed;
};

const MethodRow method_table[]{
    {"GET", {}, false, "GET", false, true},
    {"PUT", {}, false, "PUT", false, true},
    {"POST", {}, false, "POST", false, false},
    {"POST with a key that does not count", {}, false, "POST", true, false},
    {"POST with a key", {}, true, "POST", true, true},
    {"POST without one", {}, true, "POST", false, false},
    {"all", {.idempotent = false, .all = true, .listed = {}}, false, "PATCH", false, true},
    {"listed", {.idempotent = false, .all = false, .listed = {"POST"}}, false, "POST", false, true},
    {"not listed",
     {.idempotent = false, .all = false, .listed = {"POST"}},
     false,
     "GET",
     false,
     false},
    {"HEAD with GET",
     {.idempotent = false, .all = false, .listed = {"GET"}},
     false,
     "HEAD",
     false,
     true},
    {"a method of their own",
     {.idempotent = false, .all = false, .listed = {"MERGE"}},
     false,
     "MERGE",
     false,
     true},
    {"another one",
     {.idempotent = false, .all = false, .listed = {"MERGE"}},
     false,
     "PURGE",
     false,
     false},
};

TEST(RetryRule, AllowsMethods) {
  for (const MethodRow& row : method_table) {
    config::Retry retry;
    retry.methods = row.methods;
    retry.idempotency_key = row.idempotency_key;
    RequestHead head;
    head.method = parse_method(row.method);
    head.method_text = row.method;
    if (row.has_key) head.headers.add("Idempotency-Key", "1");
    EXPECT_EQ(RetryRule(retry).allows(head), row.allowed) << row.name;
  }
}

TEST(HasTime, IsNotUsedUpByThePause) {
  using namespace std::chrono_literals;
  EXPECT_TRUE(has_time(10ms, 9ms, std::nullopt));
  EXPECT_FALSE(has_time(10ms, 10ms, std::nullopt));
  EXPECT_FALSE(has_time(-1ms, 0ms, std::nullopt));
}

TEST(HasTime, IsHalfOfWhatHeadsTakeBehindThePause) {
  using namespace std::chrono_literals;
  EXPECT_TRUE(has_time(100ms, 0ms, 100ms));
  EXPECT_FALSE(has_time(99ms, 0ms, 100ms));
  EXPECT_TRUE(has_time(110ms, 10ms, 100ms));
  EXPECT_FALSE(has_time(109ms, 10ms, 100ms));
  EXPECT_FALSE(has_time(-1ms, 0ms, 0ms));
  EXPECT_TRUE(has_time(no_deadline - TimePoint{}, 10ms, 100ms)) << "no end";
}

}  // namespace
}  // namespace weir::proxy
