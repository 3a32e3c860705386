#include "proxy/deadline_field.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;
using config::TellDeadline;

constexpr TimePoint now{100h};

TransferClock clock_until(Deadline end) {
  TransferClock clock;
  clock.hard_deadline = end;
  return clock;
}

struct FieldCase {
  const char* name;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  config::Deadlines settings;
  bool grpc;
  std::string_view request_timeout;  // afterwards, "" for none
  std::string_view grpc_timeout;     // likewise
};

// The client's time and max_duration end in 2 s, the route's `timeout` in 1 s.
TEST(DeadlineFieldTest, TellsWhatIsLeft) {
  const config::Deadlines on;
  const config::Deadlines off{.send = TellDeadline::off};
  const config::Deadlines always{.send = TellDeadline::always};
  const config::Deadlines none{.grpc_timeout = false, .request_timeout = false};
  const config::Deadlines none_always{
      .grpc_timeout = false, .request_timeout = false, .send = TellDeadline::always};
  const std::vector<FieldCase> cases = {
      {"nothing came", {}, on, false, "", ""},
      {"with a unit", {{"X-Request-Timeout", "5s"}}, on, false, "999ms", ""},
      {"without one", {{"X-Request-Timeout", "5000"}}, on, false, "999", ""},
      {"several",
       {{"X-Request-Timeout", "9s"}, {"X-Request-Timeout", "5000"}},
       on,
       false,
       "999",
       ""},
      {"none that is valid", {{"X-Request-Timeout", "soon"}}, on, false, "soon", ""},
      {"off", {{"X-Request-Timeout", "5s"}}, off, false, "5s", ""},
      {"always", {}, always, false, "999ms", ""},
      {"always, not valid", {{"X-Request-Timeout", "soon"}}, always, false, "999ms", ""},
      {"not accepted", {{"X-Request-Timeout", "5s"}}, none, false, "5s", ""},
      {"not accepted, always", {{"X-Request-Timeout", "5s"}}, none_always, false, "5s", ""},
      {"nothing came, always", {}, none_always, false, "999ms", ""},
      // `timeout` ends the wait for a head, and not a call that streams.
      {"gRPC", {{"grpc-timeout", "5S"}}, on, true, "", "1999999u"},
      {"gRPC, nothing came", {}, on, true, "", ""},
      {"gRPC, none that is valid", {{"grpc-timeout", "x"}}, on, true, "", "x"},
      {"gRPC, off", {{"grpc-timeout", "5S"}}, off, true, "", "5S"},
      {"gRPC, always", {}, always, true, "", "1999999u"},
      {"gRPC, not accepted", {{"grpc-timeout", "5S"}}, none_always, true, "", "5S"},
      {"gRPC with the other field", {{"X-Request-Timeout", "5s"}}, on, true, "", "1999999u"},
      {"gRPC with both",
       {{"X-Request-Timeout", "5s"}, {"grpc-timeout", "5S"}},
       on,
       true,
       "",
       "1999999u"},
      {"no gRPC", {{"grpc-timeout", "5S"}}, on, false, "", "5S"},
  };
  for (const FieldCase& each : cases) {
    SCOPED_TRACE(each.name);
    RequestHead head;
    if (each.grpc) {
      head.version = Version::http2;
      head.headers.add("content-type", "application/grpc");
    }
    for (const auto& [name, value] : each.fields) head.headers.add(name, value);
    const TransferClock clock = clock_until(now + 2s);
    DeadlineField field = DeadlineField::of(head, each.settings);
    field.write(head, now, {.start = now - 14s, .timeout = 15s}, clock);
    EXPECT_EQ(head.headers.get("x-request-timeout").value_or(""), each.request_timeout);
    EXPECT_EQ(head.headers.get("grpc-timeout").value_or(""), each.grpc_timeout);
    EXPECT_LE(head.headers.count(FieldId::x_request_timeout), 1u);
  }
}

TEST(DeadlineFieldTest, IsWrittenAgainForEachTry) {
  RequestHead head;
  head.headers.add("x-request-timeout", "5s");
  TransferClock clock = clock_until(now + 5s);
  DeadlineField field = DeadlineField::of(head, {});
  field.write(head, now, {}, clock);
  field.yield_to(head.headers);
  field.write(head, now + 3s, {}, clock);
  EXPECT_EQ(head.headers.get("x-request-timeout"), "1999ms");
  field.write(head, now + 6s, {}, clock);
  EXPECT_EQ(head.headers.get("x-request-timeout"), "1ms") << "over";
}

TEST(DeadlineFieldTest, YieldsToWhoChangesIt) {
  for (const bool removed : {false, true}) {
    RequestHead head;
    head.headers.add("x-request-timeout", "5s");
    const TransferClock clock = clock_until(now + 5s);
    DeadlineField field = DeadlineField::of(head, {});
    field.write(head, now, {}, clock);
    if (removed) {
      head.headers.remove("x-request-timeout");
    } else {
      head.headers.set("x-request-timeout", "7s");
    }
    field.yield_to(head.headers);
    EXPECT_FALSE(field.tells());
    field.write(head, now, {}, clock);
    EXPECT_EQ(head.headers.get("x-request-timeout").value_or(""), removed ? "" : "7s");
  }
}

TEST(DeadlineFieldTest, WithoutAnEndNothingIsTold) {
  RequestHead head;
  DeadlineField field = DeadlineField::of(head, {.send = TellDeadline::always});
  EXPECT_TRUE(field.tells());
  field.write(head, now, {}, TransferClock{});
  EXPECT_FALSE(field.tells());
  EXPECT_TRUE(head.headers.empty());
}

}  // namespace
}  // namespace weir::proxy
