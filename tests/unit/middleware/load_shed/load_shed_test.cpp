#include <array>

#include "middleware/fixture.hpp"
#include "weir/middleware/load_shedder.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class LoadShedTest : public MiddlewareTest {
 protected:
  config::LoadShed spec{.lag = 100ms, .memory = 0, .connections = 0.7, .saturation = 0};
  const TimePoint start = Clock::now();

  // What the server would measure.
  void measure(TimePoint now, const control::LoadFigures& figures) {
    const std::array one{figures};
    for (const auto& each : kept.living<LoadShedder>()) each->update(now, one);
  }
  int status(const Chain& chain, Priority priority) {
    route.priority = priority;
    return send(chain, {}).head.status;
  }
  // Of low, normal, high and critical.
  std::array<int, 4> statuses(const Chain& chain) {
    return {status(chain, Priority::low), status(chain, Priority::normal),
            status(chain, Priority::high), status(chain, Priority::critical)};
  }
  std::uint64_t refused(Priority priority, control::ShedCause cause) {
    std::uint64_t sum = 0;
    metrics.load_shed("m")->for_each([&](const telemetry::LoadShedShard& shard) {
      sum += shard.refused[static_cast<std::size_t>(priority)][static_cast<std::size_t>(cause)]
                 .value();
    });
    return sum;
  }
};

TEST_F(LoadShedTest, RefusesByPriority) {
  const Chain chain = chain_of(spec);
  EXPECT_EQ(statuses(chain), (std::array{200, 200, 200, 200}));
  measure(start, {.lag = 0.1});
  EXPECT_EQ(statuses(chain), (std::array{503, 200, 200, 200}));
  measure(start, {.connections = 0.8});
  EXPECT_EQ(statuses(chain), (std::array{503, 503, 200, 200}));
  measure(start, {.lag = 0.5});
  EXPECT_EQ(statuses(chain), (std::array{503, 503, 503, 200}));
  // What is off is not looked at, and it takes a while until all are served again.
  measure(start + 1s, {.memory = 1, .saturation = 1});
  EXPECT_EQ(statuses(chain), (std::array{503, 503, 503, 200}));
  measure(start + 6s, {.memory = 1, .saturation = 1});
  EXPECT_EQ(statuses(chain), (std::array{200, 200, 200, 200}));
  EXPECT_EQ(refused(Priority::low, control::ShedCause::lag), 3u);
  EXPECT_EQ(refused(Priority::normal, control::ShedCause::connections), 1u);
  EXPECT_EQ(refused(Priority::high, control::ShedCause::lag), 2u);
}

TEST_F(LoadShedTest, SaysWhyAndWhenToComeBack) {
  const Chain chain = chain_of(spec);
  measure(start, {.lag = 0.1});
  route.priority = Priority::low;
  const Response answer = send(chain, {});
  EXPECT_EQ(answer.reason, Reason::shed);
  EXPECT_EQ(values(answer.head.headers, "retry-after"), "1");
  EXPECT_EQ(answer.detail, "the gateway is overloaded (lag): requests of priority low are refused");
  EXPECT_EQ(origin.calls, 0u);
}

TEST_F(LoadShedTest, GoesOnOverSnapshots) {
  const Chain before = chain_of(spec);
  measure(start, {.lag = 0.1});
  const Chain after = chain_of(spec);
  EXPECT_EQ(status(after, Priority::low), 503);
  spec.lag = 10s;
  const Chain other = chain_of(spec);
  EXPECT_EQ(status(other, Priority::low), 200);
  EXPECT_EQ(kept.living<LoadShedder>().size(), 2u);
}

TEST_F(LoadShedTest, NobodyIsMeasuredForWhoHasGone) {
  {
    const Chain chain = chain_of(spec);
  }
  EXPECT_TRUE(kept.living<LoadShedder>().empty());
}

// Another worker is idle.
TEST_F(LoadShedTest, EachWorkerByItsOwnMeasures) {
  LoadShedder shedder("m", {.lag = 0.1}, 2, metrics.load_shed("m"));
  const std::array<control::LoadFigures, 2> two{{{.lag = 0}, {.lag = 0.2}}};
  shedder.update(start, two);
  EXPECT_EQ(shedder.verdict(0).level, 0);
  EXPECT_EQ(shedder.verdict(1).level, 2);
  EXPECT_EQ(shedder.verdict(1).cause, control::ShedCause::lag);
  EXPECT_EQ(shedder.worst().level, 2);
  EXPECT_EQ(shedder.measured(), 0.2);
  EXPECT_EQ(metrics.load_shed("m")->level.value(), 2);
}

TEST_F(LoadShedTest, Explains) {
  config::Middleware named;
  named.name = "m";
  named.spec = spec;
  Request request;
  ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  const auto text = [&](Priority priority) {
    route.priority = priority;
    const RouteFacts facts = facts_of(route);
    exchange.fill_context().route = &facts;
    return explain_middleware(config::Config{}, named, request, exchange).text;
  };
  EXPECT_EQ(text(Priority::low),
            "load_shed: priority low is refused from lag 100ms, connections 70.0%");
  EXPECT_EQ(text(Priority::high),
            "load_shed: priority high is refused from lag 400ms, connections 90.0%");
  EXPECT_EQ(text(Priority::critical), "load_shed: priority critical is never refused");
}

}  // namespace
}  // namespace weir::test
