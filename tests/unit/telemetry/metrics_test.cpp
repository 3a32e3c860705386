#include "weir/telemetry/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Of what GaugesLeaveWithTheirLastHolderAndCountersStay makes.
constexpr const char* levels[] = {
    R"(weir_upstream_saturation_ratio{upstream="u"} 0.7)",
    R"(weir_upstream_unresolved{upstream="u"} 0)",
    R"(weir_circuit_breaker_state{upstream="u"} 2)",
    R"(weir_upstream_connections{upstream="u",endpoint="a:1",state="idle"} 1)",
    R"(weir_upstream_endpoint_healthy{upstream="u",endpoint="a:1"} 1)",
    R"(weir_http_requests_in_flight{route="r"} 1)",
    R"(weir_tunnels_active{route="r"} 0)",
    R"(weir_tls_certificate_expiry_timestamp_seconds{listener="http",name="a.test"} 0)",
    R"(weir_jwt_keys_last_success_timestamp_seconds{policy="login",issuer="https://issuer"} 17)",
};

class MetricsTest : public testing::Test {
 protected:
  std::string scrape() { return metrics.scrape(now); }

  Metrics metrics{2, "1.2.3", "epoll"};
  TimePoint now{1h};
};

TEST_F(MetricsTest, SumsTheWorkersShards) {
  const auto route = metrics.route("orders");
  route->shard(0).count(Method::get, 200, Reason::none);
  route->shard(1).count(Method::get, 200, Reason::none);
  route->shard(1).count(Method::other, 503, Reason::pool_full);
  route->shard(0).in_flight.add(3);
  route->shard(1).in_flight.add(-1);
  route->shard(0).response_bytes.add(std::uint64_t{1} << 53);
  const std::string text = scrape();
  EXPECT_THAT(text,
              HasSubstr(R"(weir_http_requests_total{route="orders",method="GET",status="200"} 2)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(weir_http_requests_total{route="orders",method="_OTHER",status="503"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_http_rejected_total{route="orders",reason="pool_full"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_http_requests_in_flight{route="orders"} 2)"));
  EXPECT_THAT(text,
              HasSubstr(R"(weir_http_response_bytes_total{route="orders"} 9007199254740992)"));
}

TEST_F(MetricsTest, HistogramsAreCumulativeAndInSeconds) {
  const auto upstream = metrics.upstream("u");
  upstream->shard(0).duration.observe(700us);
  upstream->shard(1).duration.observe(20ms);
  upstream->shard(1).duration.observe(30s);
  const std::string text = scrape();
  const std::string series = R"(weir_upstream_request_duration_seconds)";
  EXPECT_THAT(text, HasSubstr(series + R"(_bucket{upstream="u",le="0.0005"} 0)"));
  EXPECT_THAT(text, HasSubstr(series + R"(_bucket{upstream="u",le="0.001"} 1)"));
  EXPECT_THAT(text, HasSubstr(series + R"(_bucket{upstream="u",le="0.025"} 2)"));
  EXPECT_THAT(text, HasSubstr(series + R"(_bucket{upstream="u",le="10"} 2)"));
  EXPECT_THAT(text, HasSubstr(series + R"(_bucket{upstream="u",le="+Inf"} 3)"));
  EXPECT_THAT(text, HasSubstr(series + R"(_sum{upstream="u"} 30.0207)"));
}

TEST_F(MetricsTest, AStatusOutsideTheThreeDigitsCountsAsTheLast) {
  const auto route = metrics.route("r");
  for (const int status : {-1, 0, 99, 1000, 100000}) {
    route->shard(0).count(Method::get, status, Reason::none);
  }
  route->shard(0).count(Method::get, 100, Reason::none);
  route->shard(0).count(Method::get, 999, Reason::none);
  const std::string text = scrape();
  EXPECT_THAT(text, HasSubstr(R"(method="GET",status="999"} 6)"));
  EXPECT_THAT(text, HasSubstr(R"(method="GET",status="100"} 1)"));
}

TEST_F(MetricsTest, ConnectionsMoveFromUnknownToTheirProtocol) {
  const auto listener = metrics.listener("http");
  ListenerShard& shard = listener->shard(0);
  shard.opened();
  shard.opened();
  shard.opened();
  shard.recognised(Protocol::http1);
  shard.closed(Protocol::unknown);
  shard.refused(Refusal::max_connections);
  const std::string text = scrape();
  EXPECT_THAT(text, HasSubstr(R"(weir_connections_active{listener="http",protocol="http1"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_connections_active{listener="http",protocol="unknown"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_connections_total{listener="http",protocol="http1"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_connections_total{listener="http",protocol="unknown"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(weir_connections_rejected_total{listener="http",reason="max_connections"} 1)"));
}

TEST_F(MetricsTest, EndpointsAreCountedByResultAndClass) {
  const auto endpoint = metrics.endpoint("u", "127.0.0.1:80");
  endpoint->shard(0).count(TryResult::ok, 204);
  endpoint->shard(0).count(TryResult::connect_failed, 0);
  endpoint->healthy.set(0);
  endpoint->shard(1).idle.set(4);
  const std::string text = scrape();
  const std::string labels = R"({upstream="u",endpoint="127.0.0.1:80")";
  EXPECT_THAT(text, HasSubstr("weir_upstream_requests_total" + labels +
                              R"(,result="ok",status_class="2xx"} 1)"));
  EXPECT_THAT(text, HasSubstr("weir_upstream_requests_total" + labels +
                              R"(,result="connect_failed",status_class="-"} 1)"));
  EXPECT_THAT(text, HasSubstr("weir_upstream_endpoint_healthy" + labels + "} 0"));
  EXPECT_THAT(text, HasSubstr("weir_upstream_connections" + labels + R"(,state="idle"} 4)"));
}

TEST_F(MetricsTest, WeightsZonesAndReportsAreShown) {
  const auto endpoint = metrics.endpoint("u", "127.0.0.1:80");
  endpoint->weight.set(2.5);
  const auto north = metrics.zone("u", "north");
  north->shard(0).requests.add(2);
  north->shard(1).requests.add(3);
  const auto nowhere = metrics.zone("u", "");
  const auto upstream = metrics.upstream("u");
  upstream->shard(0).load_reports[static_cast<std::size_t>(LoadReportResult::malformed)].add();
  const std::string text = scrape();
  EXPECT_THAT(
      text,
      HasSubstr(R"(weir_upstream_endpoint_weight{upstream="u",endpoint="127.0.0.1:80"} 2.5)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_upstream_zone_requests_total{upstream="u",zone="north"} 5)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_upstream_zone_requests_total{upstream="u",zone="-"} 0)"));
  EXPECT_THAT(text,
              HasSubstr(R"(weir_upstream_load_reports_total{upstream="u",result="malformed"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(result="used")")));
}

TEST_F(MetricsTest, OnlyUnlabelledFamiliesStandWithoutASeries) {
  const std::string text = scrape();
  EXPECT_THAT(text, Not(HasSubstr("weir_http_requests_total")));
  EXPECT_THAT(text, Not(HasSubstr("weir_upstream")));
  EXPECT_THAT(text, HasSubstr("weir_access_log_dropped_total 0\n"));
  EXPECT_THAT(text, HasSubstr("weir_config_last_reload_successful 1\n"));
  EXPECT_THAT(text, HasSubstr(R"(weir_build_info{version="1.2.3",io_backend="epoll"} 1)"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes "));
}

TEST_F(MetricsTest, AConfiguredRouteThatNobodyUsedHasNoSeries) {
  const auto route = metrics.route("idle");
  EXPECT_THAT(scrape(), Not(HasSubstr("idle\"")));
}

TEST_F(MetricsTest, SeriesGoOnUnderTheSameName) {
  auto before = metrics.route("r");
  before->shard(0).request_bytes.add(7);
  const auto after = metrics.route("r");
  EXPECT_EQ(before, after);
  before.reset();
  now += 1h;
  EXPECT_THAT(scrape(), HasSubstr(R"(weir_http_request_bytes_total{route="r"} 7)"));
}

TEST_F(MetricsTest, GaugesLeaveWithTheirLastHolderAndCountersStay) {
  {
    const auto upstream = metrics.upstream("u");
    upstream->saturation.set(0.7);
    upstream->breaker.active.set(1);
    upstream->breaker.state.set(2);
    upstream->breaker.transitions[2].set(3);
    const auto endpoint = metrics.endpoint("u", "a:1");
    endpoint->shard(0).count(TryResult::ok, 200);
    endpoint->shard(0).idle.set(1);
    const auto route = metrics.route("r");
    route->shard(0).request_bytes.add(7);
    route->shard(0).in_flight.add();
    const auto certificate = metrics.certificate("http", "a.test");
    const auto keys =
        metrics.jwt_keys("login", "https://issuer", std::make_shared<const SharedValue>(17));
    const std::string text = scrape();
    for (const char* series : levels) EXPECT_THAT(text, HasSubstr(series));
  }
  const std::string text = scrape();
  for (const char* series : levels) EXPECT_THAT(text, Not(HasSubstr(series)));
  EXPECT_THAT(text, HasSubstr(R"(weir_http_request_bytes_total{route="r"} 7)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_upstream_requests_total{upstream="u",endpoint="a:1")"));
  EXPECT_THAT(text,
              HasSubstr(R"(weir_circuit_breaker_transitions_total{upstream="u",to="open"} 3)"));
}

TEST_F(MetricsTest, WhatAScrapeNoLongerShowsHasNoGaugesThoughItIsHeld) {
  const auto upstream = metrics.upstream("u");
  const auto endpoint = metrics.endpoint("u", "a:1");
  endpoint->shard(0).count(TryResult::ok, 200);
  bool listed = true;
  metrics.on_scrape([&] {
    if (!listed) return;
    upstream->shown = endpoint->shown = metrics.scrape_number();
  });
  for (const bool now_listed : {true, false, true}) {
    listed = now_listed;
    const std::string text = scrape();
    EXPECT_EQ(text.contains(R"(weir_upstream_saturation_ratio{upstream="u"})"), listed);
    EXPECT_EQ(text.contains("weir_upstream_endpoint_healthy{"), listed);
    EXPECT_EQ(text.contains("weir_upstream_connections{"), listed);
    EXPECT_TRUE(text.contains("weir_upstream_requests_total{"));
  }
}

TEST_F(MetricsTest, AnUpstreamThatNoRouteUsesIsShownByTheScrapeAlone) {
  metrics.on_scrape([&] { metrics.upstream("u")->shown = metrics.scrape_number(); });
  EXPECT_THAT(scrape(), HasSubstr(R"(weir_upstream_unresolved{upstream="u"} 0)"));
}

TEST_F(MetricsTest, SeriesLeaveFiveMinutesAfterTheirLastHolder) {
  auto endpoint = metrics.endpoint("u", "a:1");
  endpoint->shard(0).count(TryResult::ok, 200);
  endpoint.reset();
  metrics.sweep(now);
  now += 5min - 1ns;
  EXPECT_THAT(scrape(), HasSubstr(R"(endpoint="a:1")"));
  now += 1ns;
  EXPECT_THAT(scrape(), Not(HasSubstr(R"(endpoint="a:1")")));
}

TEST_F(MetricsTest, SeriesThatComeBackInTimeStay) {
  metrics.endpoint("u", "a:1").reset();
  metrics.sweep(now);
  now += 4min;
  const auto again = metrics.endpoint("u", "a:1");
  now += 10min;
  EXPECT_THAT(scrape(), HasSubstr(R"(endpoint="a:1")"));
}

TEST_F(MetricsTest, HooksRunBeforeTheSumsAreTaken) {
  metrics.on_scrape([this] { metrics.saturation.set(0.5); });
  metrics.utilization(1).set(0.25);
  metrics.reloaded(false);
  const std::string text = scrape();
  EXPECT_THAT(text, HasSubstr("weir_saturation_ratio 0.5\n"));
  EXPECT_THAT(text, HasSubstr(R"(weir_worker_utilization_ratio{worker="1"} 0.25)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_config_reloads_total{result="failure"} 1)"));
  EXPECT_THAT(text, HasSubstr("weir_config_last_reload_successful 0\n"));
}

TEST_F(MetricsTest, WorkersCountWhileAScrapeReads) {
  constexpr std::uint64_t each = 20'000;
  const auto route = metrics.route("r");
  std::array<std::jthread, 2> workers;
  for (unsigned worker = 0; worker < workers.size(); ++worker) {
    workers[worker] = std::jthread([&, worker] {
      for (std::uint64_t i = 0; i < each; ++i) {
        RouteShard& shard = route->shard(worker);
        shard.count(Method::get, 200 + static_cast<int>(i % 300), Reason::none);
        shard.duration.observe(1ms);
      }
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(scrape().empty());
  for (auto& worker : workers) worker.join();
  EXPECT_THAT(scrape(), HasSubstr(R"(weir_http_request_duration_seconds_count{route="r"} 40000)"));
}

TEST_F(MetricsTest, FineDetailHasTenBucketsADecade) {
  const auto upstream = metrics.upstream("u");
  upstream->shard(0).duration.observe(120us);
  upstream->shard(0).duration.observe(3ms);
  metrics.configure({.max_series = 10000, .detail = config::MetricsDetail::fine});
  const std::string text = scrape();
  const std::string series = R"(weir_upstream_request_duration_seconds_bucket{upstream="u",le=")";
  EXPECT_THAT(text, HasSubstr(series + R"(0.0001"} 0)"));
  EXPECT_THAT(text, HasSubstr(series + R"(0.000125"} 1)"));
  EXPECT_THAT(text, HasSubstr(series + R"(0.0025"} 1)"));
  EXPECT_THAT(text, HasSubstr(series + R"(0.00315"} 2)"));
  metrics.configure({});
  EXPECT_THAT(scrape(), Not(HasSubstr(series + R"(0.00315")")));
  EXPECT_THAT(scrape(), HasSubstr(series + R"(0.0025"} 1)"));
}

TEST_F(MetricsTest, OpenMetricsHasItsOwnNamesBoundsUnitsAndAnEnd) {
  const auto upstream = metrics.upstream("u");
  upstream->shard(0).duration.observe(3ms);
  const std::string text = metrics.scrape(now, {.format = TextFormat::openmetrics});
  EXPECT_THAT(text, HasSubstr("# TYPE weir_access_log_dropped counter\n"
                              "weir_access_log_dropped_total 0\n"));
  EXPECT_THAT(text, HasSubstr("# UNIT weir_upstream_request_duration_seconds seconds\n"));
  EXPECT_THAT(
      text, HasSubstr(R"(weir_upstream_request_duration_seconds_bucket{upstream="u",le="1.0"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(le="+Inf"} 1)"));
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_THAT(scrape(), Not(HasSubstr("# UNIT")));
  EXPECT_THAT(scrape(), Not(HasSubstr("# EOF")));
  EXPECT_THAT(scrape(), HasSubstr(R"(le="1"} 1)"));
}

TEST_F(MetricsTest, ExemplarsStandInOpenMetricsBehindTheBucketOfTheirValue) {
  const auto route = metrics.route("r");
  const TraceId first = TraceId::parse("0123456789abcdef0123456789abcdef");
  const TraceId second = TraceId::parse("00000000000000000000000000000001");
  route->shard(0).duration.observe(3ms, first);
  route->shard(1).duration.observe(30s, second);
  route->shard(1).duration.observe(7ms, TraceId{});
  const ScrapeRequest asked{.format = TextFormat::openmetrics};
  const std::string text = metrics.scrape(now, asked);
  EXPECT_THAT(text, testing::ContainsRegex("le=\"0.005\"} 1 # "
                                           "\\{trace_id=\"0123456789abcdef0123456789abcdef\"\\} "
                                           "0.003 [0-9]+\\.[0-9]{6}\n"));
  EXPECT_THAT(text,
              testing::ContainsRegex("le=\"\\+Inf\"} 3 # \\{trace_id=\"0*1\"\\} 30 [0-9.]+\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.01\"} 2\n"));
  EXPECT_THAT(scrape(), Not(HasSubstr("trace_id")));
  // A later one takes the place of the first, whichever worker saw it.
  route->shard(1).duration.observe(4ms, second);
  EXPECT_THAT(metrics.scrape(now, asked), Not(HasSubstr("0123456789abcdef0123456789abcdef")));
}

TEST_F(MetricsTest, AScrapeMayAskForSomeFamilies) {
  const auto route = metrics.route("r");
  route->shard(0).count(Method::get, 200, Reason::none);
  const char* names[] = {"weir_http_requests_total", "weir_http_requests",
                         "weir_http_request_duration_seconds_bucket",
                         "weir_http_request_duration_seconds"};
  const bool is_counter[] = {true, true, false, false};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    for (const TextFormat format : {TextFormat::prometheus, TextFormat::openmetrics}) {
      const std::string text = metrics.scrape(now, {.format = format, .names = {names[i]}});
      EXPECT_EQ(text.contains("weir_http_requests_total{"), is_counter[i]) << names[i];
      EXPECT_EQ(text.contains("weir_http_request_duration_seconds_sum{"), !is_counter[i]);
      EXPECT_FALSE(text.contains("weir_build_info"));
    }
  }
  EXPECT_EQ(metrics.scrape(now, {.names = {"weir_nothing", "weir_http_requests_total_"}}), "");
  EXPECT_EQ(metrics.scrape(now, {.format = TextFormat::openmetrics, .names = {"weir_nothing"}}),
            "# EOF\n");
}

TEST_F(MetricsTest, WhatIsBeyondTheCeilingIsAddedUp) {
  metrics.configure({.max_series = 2});
  std::vector<std::shared_ptr<RouteMetrics>> routes;
  for (const char* name : {"a", "b", "c", "d"}) {
    routes.push_back(metrics.route(name));
    routes.back()->shard(0).count(Method::get, 200, Reason::none);
    routes.back()->shard(0).duration.observe(3ms);
    routes.back()->shard(0).in_flight.add(2);
  }
  routes[3]->shard(0).count(Method::get, 502, Reason::none);
  std::string text = scrape();
  const std::string requests = "weir_http_requests_total{route=";
  EXPECT_THAT(text, HasSubstr(requests + R"("a",method="GET",status="200"} 1)"));
  EXPECT_THAT(text, HasSubstr(requests + R"("b",method="GET",status="200"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr(requests + R"("c")")));
  // What is no name keeps its value.
  EXPECT_THAT(text, HasSubstr(requests + R"("_other",method="GET",status="200"} 2)"));
  EXPECT_THAT(text, HasSubstr(requests + R"("_other",method="GET",status="502"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_http_requests_in_flight{route="_other"} 4)"));
  const std::string times = "weir_http_request_duration_seconds";
  EXPECT_THAT(text, HasSubstr(times + R"(_bucket{route="_other",le="0.005"} 2)"));
  EXPECT_THAT(text, HasSubstr(times + R"(_bucket{route="_other",le="0.0025"} 0)"));
  EXPECT_THAT(text, HasSubstr(times + R"(_count{route="_other"} 2)"));
  EXPECT_THAT(text, HasSubstr(times + R"(_sum{route="_other"} 0.006)"));
  EXPECT_THAT(text,
              HasSubstr(R"(weir_metrics_folded_series{family="weir_http_requests_total"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(weir_metrics_folded_series{family=")" + times + R"("} 2)"));
  // A counter of what was added up never falls, and a free place goes to one of the others.
  routes.erase(routes.begin());
  scrape();
  now += 5min;
  routes.back()->shard(0).count(Method::get, 200, Reason::none);
  text = scrape();
  EXPECT_THAT(text, Not(HasSubstr(requests + R"("a")")));
  EXPECT_THAT(text, HasSubstr(requests + R"("b",method="GET",status="200"} 1)"));
  text = scrape();
  EXPECT_THAT(text, HasSubstr(requests + R"("c",method="GET",status="200"} 1)"));
  EXPECT_THAT(text, HasSubstr(requests + R"("_other",method="GET",status="200"} 3)"));
}

TEST_F(MetricsTest, AFilteredScrapeForgetsNothingOfTheOthers) {
  metrics.configure({.max_series = 1});
  const auto a = metrics.route("a");
  const auto b = metrics.route("b");
  for (const auto& route : {b, a}) route->shard(0).request_bytes.add(7);
  const std::string before = scrape();
  metrics.scrape(now, {.names = {"weir_build_info"}});
  EXPECT_EQ(metrics.scrape(now, {.names = {"weir_http_request_bytes_total"}}),
            "# HELP weir_http_request_bytes_total Content received from clients in bytes.\n"
            "# TYPE weir_http_request_bytes_total counter\n"
            "weir_http_request_bytes_total{route=\"a\"} 7\n"
            "weir_http_request_bytes_total{route=\"_other\"} 7\n");
}

TEST_F(MetricsTest, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is missing";
  const auto route = metrics.route("r");
  route->shard(0).count(Method::get, 200, Reason::bad_request);
  const auto split = metrics.split("r", "u");
  split->shard(0).requests.add();
  const auto upstream = metrics.upstream("u");
  upstream->shard(0).duration.observe(1ms);
  const auto endpoint = metrics.endpoint("u", "unix:/run/x \"y\"\\\n");
  endpoint->shard(0).count(TryResult::ok, 200);
  const auto listener = metrics.listener("http");
  const std::filesystem::path file = testing::TempDir() + "/weir_scrape.txt";
  std::ofstream(file) << scrape();
  std::FILE* tool = ::popen(("promtool check metrics < " + file.string() + " 2>&1").c_str(), "r");
  ASSERT_NE(tool, nullptr);
  std::string said;
  std::array<char, 256> part;
  while (std::fgets(part.data(), part.size(), tool) != nullptr) said += part.data();
  EXPECT_EQ(::pclose(tool), 0);
  EXPECT_EQ(said, "");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace weir::telemetry
