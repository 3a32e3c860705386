#include "server/exchange_record.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace weir::server {
namespace {

using namespace std::chrono_literals;

std::uint64_t observed(const telemetry::Histogram& histogram) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= telemetry::Histogram::bound_count; ++i)
    sum += histogram.in_bucket(i);
  return sum;
}

class ExchangeRecordTest : public testing::Test {
 protected:
  ExchangeRecordTest() {
    head_.method_text = "GET";
    head_.host = "shop.example";
    head_.target = "/a%62c?x=1";
    head_.path = "/rewritten";
    head_.query = "x=1";
    head_.has_query = true;
    exchange_.fill_context().route_index = 0;
    exchange_.fill_context().route_name = "shop";
    outcome_.status = 200;
    outcome_.started = TimePoint(1h);
    outcome_.head_sent = outcome_.started + 20ms;
    outcome_.ended = outcome_.started + 30ms;
    outcome_.complete = true;
  }

  std::uint64_t counted(Method method, int status) {
    std::uint64_t out = 0;
    shard_.requests.for_each([&](Method of, int at, std::uint64_t n) {
      if (of == method && at == status) out += n;
    });
    return out;
  }
  // The line in the access log, "" for none.
  std::string line(const config::AccessLog& settings = {}) { return line_of(exchange_, settings); }
  std::string line_of(const Exchange& exchange, const config::AccessLog& settings = {}) {
    std::string folder = testing::TempDir() + "/weir_record_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return "(no folder)";
    const std::string file = folder + "/log";
    {
      telemetry::AccessLog log(1, telemetry::LogTarget::open(file).value());
      write_access_line(log, tap_, telemetry::AccessPolicy(settings), true, head_, exchange,
                        outcome_);
    }
    std::ifstream in(file);
    std::string out{std::istreambuf_iterator<char>(in), {}};
    std::filesystem::remove_all(folder);
    return out;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  config::Route route_;
  ConnectionInfo connection_;
  RequestHead head_;
  Exchange exchange_{connection_, TimePoint{}};
  Outcome outcome_;
  telemetry::RouteShard shard_;
  telemetry::AccessTap tap_{1};
};

TEST_F(ExchangeRecordTest, CountsWhatWasAnswered) {
  exchange_.record.add_bytes_in(7);
  exchange_.record.add_bytes_out(11);
  shard_.in_flight.add(1);
  count_exchange(shard_, head_, exchange_, outcome_);
  EXPECT_EQ(counted(Method::get, 200), 1u);
  EXPECT_EQ(shard_.in_flight.value(), 0);
  EXPECT_EQ(shard_.duration.sum_nanoseconds(), 30'000'000u);
  EXPECT_EQ(shard_.head.sum_nanoseconds(), 20'000'000u);
  EXPECT_EQ(shard_.request_bytes.value(), 7u);
  EXPECT_EQ(shard_.response_bytes.value(), 11u);
}

TEST_F(ExchangeRecordTest, TheTraceOfATrustedPeersSampledRequestIsAnExemplar) {
  constexpr std::string_view trace = "0af7651916cd43dd8448eb211c80319c";
  struct Row {
    const char* flags;
    bool trusted, kept;
  };
  for (const Row& row : {Row{"01", true, true}, Row{"03", true, true}, Row{"00", true, false},
                         Row{"02", true, false}, Row{"01", false, false}}) {
    telemetry::RouteShard shard;
    connection_.peer_trusted = row.trusted;
    head_.headers.set("traceparent", "00-" + std::string(trace) + "-b7ad6b7169203331-" + row.flags);
    exchange_.fill_context().trace_id = trace;
    count_exchange(shard, head_, exchange_, outcome_);
    for (const telemetry::Histogram* histogram : {&shard.duration, &shard.head}) {
      ASSERT_EQ(histogram->exemplars() != nullptr, row.kept) << row.flags << row.trusted;
      if (!row.kept) continue;
      const auto ns = static_cast<std::int64_t>(histogram->sum_nanoseconds());
      const auto found = histogram->exemplars()->of(telemetry::Histogram::bucket_of(ns));
      ASSERT_TRUE(found);
      EXPECT_EQ(found->trace, telemetry::TraceId::parse(trace));
    }
  }
}

TEST_F(ExchangeRecordTest, TheHeadsTimeIsToldWhereItWentOut) {
  struct Row {
    const char* name;
    Reason reason;
    bool complete, cancelled, told;
  };
  const Row rows[] = {
      {"whole", Reason::none, true, false, true},
      {"cut in the turn of its head", Reason::upstream_incomplete, false, false, true},
      {"the client left before", Reason::client_closed, false, true, false},
      {"the client left within its head", Reason::client_closed, false, false, false},
  };
  outcome_.head_sent = outcome_.ended;
  for (const Row& row : rows) {
    outcome_.reason = row.reason;
    outcome_.complete = row.complete;
    Exchange exchange(connection_, TimePoint{});
    if (row.cancelled) exchange.scope.cancel(Reason::client_closed);
    EXPECT_EQ(has(line_of(exchange), "\"head_ms\":"), row.told) << row.name;
  }
}

TEST_F(ExchangeRecordTest, AVainWaitForAConnectionIsTold) {
  EXPECT_FALSE(has(line(), "\"queue_ms\""));
  exchange_.record.tell_wait(7ms);
  EXPECT_TRUE(has(line(), "\"queue_ms\":7.000"));
  EXPECT_FALSE(has(line(), "\"connect_ms\""));
}

TEST_F(ExchangeRecordTest, ATunnelHasNoDuration) {
  exchange_.record.tell_tunnel(head_.headers.arena());
  outcome_.status = 101;
  shard_.tunnels.add(1);
  count_exchange(shard_, head_, exchange_, outcome_);
  EXPECT_EQ(shard_.tunnels.value(), 0);
  EXPECT_EQ(shard_.in_flight.value(), 0);
  EXPECT_EQ(observed(shard_.duration), 0u);
  EXPECT_EQ(observed(shard_.head), 1u);
}

TEST_F(ExchangeRecordTest, WhatNeverGotARouteDoesNotLeaveOne) {
  exchange_.fill_context().route_index = RequestContext::no_route;
  outcome_.status = 400;
  outcome_.reason = Reason::bad_request;
  head_ = RequestHead();
  count_exchange(shard_, head_, exchange_, outcome_);
  EXPECT_EQ(shard_.in_flight.value(), 0);
  EXPECT_EQ(counted(Method::other, 400), 1u);
  EXPECT_EQ(shard_.rejected[static_cast<std::size_t>(Reason::bad_request)].value(), 1u);
}

TEST_F(ExchangeRecordTest, TheLineTellsThePathAsItCame) {
  const std::string told = line();
  EXPECT_TRUE(has(told, R"("path":"/a%62c")")) << told;
  EXPECT_TRUE(has(told, R"("query":"x=1")")) << told;
  EXPECT_TRUE(has(told, R"("route":"shop")")) << told;
  head_.target = "http://shop.example/abs?x=1";
  head_.path = "/abs";
  EXPECT_TRUE(has(line(), R"("path":"/abs")")) << line();
  head_.target = "*";
  head_.path = "*";
  EXPECT_TRUE(has(line(), R"("path":"*")")) << line();
}

TEST_F(ExchangeRecordTest, TimesOfATryAreToldWhenThereWasOne) {
  EXPECT_FALSE(has(line(), "connect")) << line();
  exchange_.record.tell_attempt("127.0.0.1:9000", {}, 2ms);
  EXPECT_TRUE(has(line(), "connect")) << line();
}

TEST_F(ExchangeRecordTest, NoLineWhereNoneIsWanted) {
  config::AccessLog settings;
  settings.path = "off";
  EXPECT_EQ(line(settings), "");
  settings.path = "stdout";
  settings.sample = 0;
  EXPECT_EQ(line(settings), "");
  outcome_.status = 502;
  EXPECT_NE(line(settings), "");
}

TEST_F(ExchangeRecordTest, WhatAFallbackSavedIsWrittenWhateverTheSample) {
  config::AccessLog settings;
  settings.sample = 0;
  EXPECT_EQ(line(settings), "");
  exchange_.record.tell_fallback(Reason::circuit_open);
  const std::string written = line(settings);
  EXPECT_TRUE(has(written, R"("status":200,"route":"shop","fallback":true)")) << written;
  EXPECT_TRUE(has(written, R"("fallback_reason":"circuit_open")")) << written;
}

TEST_F(ExchangeRecordTest, AWatcherSeesWhatTheLogLeavesOut) {
  config::AccessLog settings;
  settings.path = "off";
  settings.sample = 0;
  std::string shown;
  {
    const auto watch = tap_.watch();
    EXPECT_EQ(line(settings), "");
    watch->take(shown);
  }
  EXPECT_TRUE(has(shown, R"("path":"/a%62c")")) << shown;
  EXPECT_TRUE(has(shown, R"("route":"shop")")) << shown;
}

}  // namespace
}  // namespace weir::server
