#include "proxy/fetch/fetch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "proxy/fetch/fetch_case.hpp"

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

class Told final : public TryObserver {
 public:
  struct End {
    std::string result;
    bool reused;
    bool again;
    std::uint64_t bytes = 0;
    bool operator==(const End&) const = default;
  };
  void try_begins(std::string_view endpoint, Duration, Duration) override {
    begun.emplace_back(endpoint);
  }
  void try_ended(const TryRecord& record, bool again) override {
    EXPECT_EQ(record.endpoint, begun.back());
    ended.push_back({std::string(record.result), record.reused, again, record.bytes});
  }
  bool wants_record(bool) const noexcept override { return true; }
  void grpc_ended(GrpcStatus) override { FAIL() << "no gRPC"; }
  void waited(Duration) override { ++waits; }

  std::vector<std::string> begun;
  std::vector<End> ended;
  int waits = 0;
};

std::ostream& operator<<(std::ostream& out, const Told::End& end) {
  return out << end.result << (end.reused ? " reused" : "") << (end.again ? " again" : "") << " "
             << end.bytes;
}

class FetchTest : public FetchCase {
 protected:
  // What a request comes to: its status, or why there is none. Its answer is read to the end.
  Task<std::string> outcome(Method method) {
    const Take count = [this](std::string_view piece) { read_ += piece.size(); };
    co_return co_await fetch(method, told_, count);
  }
  std::uint64_t in_flight() const {
    std::uint64_t out = 0;
    for (const auto& endpoint : cluster_->describe().endpoints) out += endpoint.in_flight;
    return out;
  }

  Told told_;
  std::size_t read_ = 0;  // of answers
};

const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(FetchTest, TellsOfAConnectThatFailed) {
  const upstream::Refusing nobody;
  reach({nobody.text()});
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(Method::get), "connect_failed");
    const Told::End refused{"connect_failed", false, true};
    EXPECT_EQ(told_.ended, (std::vector<Told::End>{refused, refused}))
        << "once more, as the only one";
    EXPECT_EQ(told_.waits, 1);
    EXPECT_EQ(in_flight(), 0u);
  });
}

TEST_F(FetchTest, SendsAgainWhereAReusedConnectionWasDead) {
  const net::Origin origin;
  reach({origin.text()});
  std::thread server([&] {
    const auto answer_once = [&] {
      net::Socket connection = origin.accept();
      connection.receive();
      connection.send(good);
      return connection;
    };
    {
      const net::Socket first = answer_once();
      first.receive();  // and closes
    }
    const net::Socket second = answer_once();
    second.receive();  // and closes
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(Method::get), "200");
    EXPECT_EQ(co_await outcome(Method::get), "200");
    EXPECT_EQ(co_await outcome(Method::post), "upstream_reset") << "it may have been carried out";
    EXPECT_EQ(told_.ended, (std::vector<Told::End>{{"ok", false, false, 2},
                                                   {"reset", true, true},
                                                   {"ok", false, false, 2},
                                                   {"reset", true, false}}));
    EXPECT_EQ(in_flight(), 0u);
  });
  server.join();
}

TEST_F(FetchTest, GoesOnAtAnotherEndpointWhereOneRefusesConnections) {
  const upstream::Refusing nobody;
  const net::Origin origin;
  reach({nobody.text(), origin.text()});
  std::thread server([&] {
    for (int i = 0; i < 2; ++i) {
      const net::Socket connection = origin.accept();
      connection.receive();
      connection.send(good + "closed behind its answer");
      connection.receive();
    }
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(Method::post), "200") << "nothing was sent before";
    EXPECT_EQ(co_await outcome(Method::post), "200");
    // Whichever is asked first: who refuses is asked once, and last from then on.
    const Told::End refused{"connect_failed", false, true};
    const Told::End ok{"ok", false, false, 2};
    const bool first = told_.ended.front() == refused;
    EXPECT_EQ(told_.ended, first ? (std::vector<Told::End>{refused, ok, ok})
                                 : (std::vector<Told::End>{ok, refused, ok}));
    EXPECT_EQ(in_flight(), 0u);
  });
  server.join();
}

TEST_F(FetchTest, RetriesByItsRule) {
  const net::Origin origin;
  reach({origin.text()});
  config::Retry retry;
  retry.backoff = {.base = 1ms, .max = 2ms};
  rule_.emplace(retry);
  std::thread server([&] {
    const net::Socket connection = origin.accept();
    for (const char* status : {"503 No", "200 OK", "503 No", "503 No", "503 No"}) {
      connection.receive();
      connection.send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 2\r\n\r\nok");
    }
    connection.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    EXPECT_EQ(co_await outcome(Method::get), "200");
    EXPECT_EQ(co_await outcome(Method::get), "503");
    EXPECT_EQ(co_await outcome(Method::post), "503") << "not sent again";
    const Told::End thrown{"ok", false, true, 2};
    EXPECT_EQ(told_.ended.front(), thrown);
    EXPECT_EQ(told_.ended.size(), 5u);
    const telemetry::UpstreamShard& counted = metrics_.upstream("orders")->shard(0);
    EXPECT_EQ(counted.retries[0].value(), 1u);
    EXPECT_EQ(counted.retries[1].value(), 1u);
    EXPECT_EQ(cluster_->retry_budget().taken(), 0u);
    EXPECT_EQ(in_flight(), 0u);
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(FetchTest, ARetryThatWaitsEndsWithItsScope) {
  const net::Origin origin;
  reach({origin.text()});
  config::Retry retry;
  retry.backoff = {.base = 4s, .max = 4s};
  rule_.emplace(retry);
  std::thread server([&] {
    const net::Socket connection = origin.accept();
    connection.receive();
    connection.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 3\r\n\r\n");
    connection.receive();
  });
  net::run_on(loop_, [&]() -> Task<> {
    net::TaskGroup group(loop_);
    std::string waiting;
    const auto fetch = [&]() -> Task<> { waiting = co_await outcome(Method::get); };
    group.spawn(fetch());
    EXPECT_TRUE(co_await net::until(loop_, [&] { return told_.ended.size() == 1; }));
    EXPECT_EQ(cluster_->retry_budget().taken(), 1u);
    EXPECT_EQ(in_flight(), 0u);
    scope_.cancel(Reason::draining);
    EXPECT_TRUE(co_await group.join(loop_.now() + 5s));
    EXPECT_EQ(waiting, "draining");
    EXPECT_EQ(cluster_->retry_budget().taken(), 0u);
    cluster_->leave(0);
  });
  server.join();
}

TEST_F(FetchTest, TellsOfAnAnswerThatItsScopeCuts) {
  const net::Origin origin;
  reach({origin.text()});
  std::thread server([&] {
    const net::Socket connection = origin.accept();
    connection.receive();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!");
    EXPECT_EQ(connection.receive(), "") << "closed, as its answer did not end";
  });
  net::run_on(loop_, [&]() -> Task<> {
    net::TaskGroup group(loop_);
    const auto fetch = [&]() -> Task<> { co_await outcome(Method::get); };
    group.spawn(fetch());
    EXPECT_TRUE(co_await net::until(loop_, [&] { return read_ == 5; }));
    EXPECT_EQ(in_flight(), 1u);
    scope_.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop_.now() + 5s));
    EXPECT_EQ(told_.ended, (std::vector<Told::End>{{"client_gone", false, false, 5}}));
    EXPECT_EQ(in_flight(), 0u);
  });
  server.join();
}

TEST_F(FetchTest, EndsWithItsScope) {
  const net::Origin origin;
  reach({origin.text()});
  net::run_on(loop_, [&]() -> Task<> {
    net::TaskGroup group(loop_);
    std::string waiting;
    const auto fetch = [&]() -> Task<> { waiting = co_await outcome(Method::get); };
    group.spawn(fetch());
    EXPECT_TRUE(co_await net::until(loop_, [&] { return !told_.begun.empty(); }));
    EXPECT_EQ(in_flight(), 1u);
    scope_.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop_.now() + 5s));
    EXPECT_EQ(waiting, "client_closed");
    EXPECT_EQ(in_flight(), 0u);
    EXPECT_EQ(co_await outcome(Method::get), "client_closed") << "cancelled before it began";
    EXPECT_EQ(in_flight(), 0u);
    EXPECT_EQ(told_.ended, (std::vector<Told::End>{{"client_gone", false, false}}));
  });
}

}  // namespace
}  // namespace weir::proxy
