#include "proxy/upstream_record.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

class UpstreamRecordTest : public testing::Test {
 protected:
  std::uint64_t counted(TryResult result, unsigned status_class) {
    return endpoint_metrics_->shard(0)
        .requests[static_cast<std::size_t>(result)][status_class]
        .value();
  }
  std::uint64_t counted_in_all() {
    std::uint64_t sum = 0;
    for (const auto& row : endpoint_metrics_->shard(0).requests) {
      for (const telemetry::Counter& one : row) sum += one.value();
    }
    return sum;
  }
  static std::uint64_t observed(const telemetry::Histogram& histogram) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i <= telemetry::Histogram::bound_count; ++i) {
      sum += histogram.in_bucket(i);
    }
    return sum;
  }

  telemetry::UpstreamMetrics metrics_{"orders", 1};
  std::shared_ptr<telemetry::EndpointMetrics> endpoint_metrics_ =
      std::make_shared<telemetry::EndpointMetrics>("orders", "127.0.0.1:1", 1);
  std::shared_ptr<upstream::Endpoint> endpoint_ = std::make_shared<upstream::Endpoint>(
      "127.0.0.1:1", SocketAddress(IpAddress::parse("127.0.0.1").value(), 1), 1, endpoint_metrics_);
  UpstreamRecord record_{metrics_, 0};
};

TEST_F(UpstreamRecordTest, EachEndHasItsResult) {
  struct Row {
    const char* name;
    TryEnd end;
    TryResult result;
    unsigned status_class;
  };
  const auto failed = [](Reason reason) { return TryEnd{.failure = reason}; };
  const auto answered = [](int status, bool complete, bool client_gone = false) {
    return TryEnd{.client_gone = client_gone, .answer_complete = complete, .status = status};
  };
  const Row rows[] = {
      {"an answer", answered(200, true), TryResult::ok, 2},
      {"an answer of its own failure", answered(503, true), TryResult::ok, 5},
      {"complete as the client left", answered(404, true, true), TryResult::ok, 4},
      {"cut within its content", answered(200, false), TryResult::reset, 2},
      {"cut as the client left", answered(200, false, true), TryResult::client_gone, 2},
      {"connect failed", failed(Reason::connect_failed), TryResult::connect_failed, 0},
      {"connect timed out", failed(Reason::connect_timeout), TryResult::connect_timeout, 0},
      {"reset", failed(Reason::upstream_reset), TryResult::reset, 0},
      {"incomplete", failed(Reason::upstream_incomplete), TryResult::reset, 0},
      {"no HTTP", failed(Reason::upstream_bad_response), TryResult::bad_response, 0},
      {"too large a head", failed(Reason::upstream_headers_too_large), TryResult::bad_response, 0},
      {"TLS failed", failed(Reason::upstream_tls_failed), TryResult::tls_failed, 0},
      {"the request's time was up", failed(Reason::request_timeout), TryResult::timeout, 0},
      {"the try's time was up", failed(Reason::try_timeout), TryResult::timeout, 0},
      {"the client left", failed(Reason::client_closed), TryResult::client_gone, 0},
      {"the time for the whole was up",
       TryEnd{.failure = Reason::upstream_incomplete, .out_of_time = true, .status = 200},
       TryResult::timeout, 2},
      {"silence", TryEnd{.silent = true, .status = 200}, TryResult::timeout, 2},
      {"the client's content was too large", failed(Reason::body_too_large), TryResult::client_gone,
       0},
  };
  std::uint64_t ends = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const std::uint64_t before = counted(row.result, row.status_class);
    record_.ended(*endpoint_, row.end);
    EXPECT_EQ(counted(row.result, row.status_class), before + 1);
    EXPECT_EQ(counted_in_all(), ++ends);
    EXPECT_EQ(observed(metrics_.shard(0).duration), ends);
  }
}

TEST_F(UpstreamRecordTest, WhoLostToAnotherTryCountsWithoutItsDuration) {
  record_.ended(*endpoint_, {.client_gone = true, .lost = true});
  record_.ended(*endpoint_, {.client_gone = true, .lost = true, .status = 503});
  EXPECT_EQ(counted(TryResult::hedge_lost, 0), 1u);
  EXPECT_EQ(counted(TryResult::hedge_lost, 5), 1u);
  record_.connect_failed({endpoint_, Reason::client_closed, 2s}, true);
  EXPECT_EQ(counted(TryResult::hedge_lost, 0), 2u);
  EXPECT_EQ(counted_in_all(), 3u);
  EXPECT_EQ(observed(metrics_.shard(0).duration), 0u);
}

TEST_F(UpstreamRecordTest, EachEndSaysWhatABreakerHears) {
  struct Row {
    const char* name;
    TryEnd end;
    control::CallEnd call;
  };
  const Row rows[] = {
      {"an answer", {.answer_complete = true, .status = 200}, control::CallEnd::answered},
      {"another try won",
       {.client_gone = true, .lost = true, .status = 503},
       control::CallEnd::unknown},
      {"a failure's head, cut", {.client_gone = true, .status = 503}, control::CallEnd::answered},
      {"cut within its content", {.status = 200}, control::CallEnd::reset},
      {"cut as the client left", {.client_gone = true, .status = 200}, control::CallEnd::unknown},
      {"the time for the head was up",
       {.failure = Reason::request_timeout},
       control::CallEnd::timeout},
      {"the client would wait no longer",
       {.failure = Reason::client_closed},
       control::CallEnd::unknown},
      {"the time for the whole was up",
       {.out_of_time = true, .status = 200},
       control::CallEnd::answered},
      {"silence in its content", {.silent = true, .status = 200}, control::CallEnd::timeout},
      {"the same, as the codec tells it",
       {.failure = Reason::upstream_incomplete, .out_of_time = true, .status = 200},
       control::CallEnd::answered},
  };
  for (const Row& row : rows) EXPECT_EQ(call_end(row.end), row.call) << row.name;
}

TEST_F(UpstreamRecordTest, AFailedConnectCountsAtItsEndpointAlone) {
  record_.connect_failed({endpoint_, Reason::connect_timeout, 2s});
  EXPECT_EQ(counted(TryResult::connect_timeout, 0), 1u);
  EXPECT_EQ(counted_in_all(), 1u);
  EXPECT_EQ(observed(metrics_.shard(0).duration), 0u);
  record_.connect_failed({nullptr, Reason::connect_failed, 0s});
  EXPECT_EQ(counted_in_all(), 1u);
}

TEST_F(UpstreamRecordTest, AnEndpointWithoutMetricsIsNotCounted) {
  const auto bare = std::make_shared<upstream::Endpoint>("unix:x", SocketAddress(), 1, nullptr);
  record_.ended(*bare, {.answer_complete = true, .status = 200, .duration = 1s});
  EXPECT_EQ(counted_in_all(), 0u);
  EXPECT_EQ(observed(metrics_.shard(0).duration), 1u);
}

}  // namespace
}  // namespace weir::proxy
