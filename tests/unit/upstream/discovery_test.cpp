#include "weir/upstream/discovery.hpp"

#include <boost/asio/post.hpp>
#include <map>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

// Answers as the test says; "" for no address is a failure.
class Answers final : public Resolver {
 public:
  explicit Answers(asio::io_context& main) : main_(main) {}
  void resolve(const std::string& host, std::uint16_t port, Done done) override {
    ++asked;
    std::vector<SocketAddress> found;
    for (const std::string& ip : known[host]) {
      found.emplace_back(*IpAddress::parse(ip), port);
    }
    asio::post(main_, [done = std::move(done), found = std::move(found)]() mutable {
      const std::string error = found.empty() ? "host not found" : "";
      done(error, std::move(found));
    });
  }
  void stop() override {}

  std::map<std::string, std::vector<std::string>> known;
  int asked = 0;

 private:
  asio::io_context& main_;
};

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() {
    auto answers = std::make_unique<Answers>(main_);
    answers_ = answers.get();
    discovery_ = std::make_unique<Discovery>(
        main_, std::move(answers),
        [this](std::string_view upstream, std::string_view name, std::string_view error,
               std::size_t) {
          reports_.push_back(std::string(upstream) + " " + std::string(name) + " " +
                             std::string(error));
        },
        5ms);
    auto upstream = upstream_of({"orders.test:80"});
    upstream.endpoints[0].weight = 4;
    cluster_ = cluster_on(upstream, {&loop_});
  }
  // Runs the main thread until `condition`, for five seconds at most.
  template <class Condition>
  bool run_until(Condition condition) {
    const TimePoint end = Clock::now() + 5s;
    while (!condition() && Clock::now() < end) main_.run_one_for(50ms);
    return condition();
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> out;
    for (const EndpointInfo& at : cluster_->describe().endpoints) out.push_back(at.address);
    return out;
  }
  using Texts = std::vector<std::string>;

  net::Loop loop_;
  asio::io_context main_;
  Answers* answers_ = nullptr;
  std::unique_ptr<Discovery> discovery_;
  std::shared_ptr<Cluster> cluster_;
  Texts reports_;
};

TEST_F(DiscoveryTest, EveryAddressBecomesAnEndpointWithTheNamesWeight) {
  answers_->known["orders.test"] = {"127.0.0.1", "::1"};
  bool settled = false;
  discovery_->watch(cluster_);
  discovery_->when_settled([&] { settled = true; });
  EXPECT_FALSE(settled);
  EXPECT_TRUE(run_until([&] { return settled; }));
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "[::1]:80"}));
  EXPECT_EQ(cluster_->describe().endpoints[1].weight, 4u);
  EXPECT_EQ(reports_, Texts{"orders orders.test:80 "});
}

TEST_F(DiscoveryTest, TheLastGoodAddressesOutliveAFailure) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  discovery_->watch(cluster_);
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80"}; }));
  answers_->known.clear();
  reports_.clear();
  EXPECT_TRUE(run_until([&] { return reports_.size() >= 2; }));
  EXPECT_EQ(reports_[1], "orders orders.test:80 host not found");
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
  answers_->known["orders.test"] = {"127.0.0.2"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.2:80"}; }));
}

TEST_F(DiscoveryTest, ANameThatIsNotFoundSettlesToo) {
  bool settled = false;
  discovery_->watch(cluster_);
  discovery_->when_settled([&] { settled = true; });
  EXPECT_TRUE(run_until([&] { return settled; }));
  EXPECT_EQ(addresses(), Texts{});
  EXPECT_EQ(cluster_->describe().unresolved, Texts{"orders.test:80"});
  answers_->known["orders.test"] = {"127.0.0.1"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80"}; }));
}

TEST_F(DiscoveryTest, WithNothingToFindIsSettledAtOnce) {
  discovery_->watch(cluster_on(upstream_of({"127.0.0.1:80", "unix:/run/x.sock"}), {&loop_}));
  bool settled = false;
  discovery_->when_settled([&] { settled = true; });
  EXPECT_TRUE(settled);
  EXPECT_EQ(answers_->asked, 0);
}

TEST_F(DiscoveryTest, LooksUpNamesThatAReloadBroughtAndForgetsTheRetired) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  answers_->known["more.test"] = {"127.0.0.3"};
  discovery_->watch(cluster_);
  EXPECT_TRUE(run_until([&] { return addresses().size() == 1; }));
  cluster_->apply(upstream_of({"orders.test:80", "more.test:81"}));
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
  discovery_->watch(cluster_);
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80", "127.0.0.3:81"}; }));
  cluster_->retire();
  // Nothing is left to do on the main thread: the interval is not set again.
  EXPECT_TRUE(run_until([&] { return main_.stopped(); }));
}

TEST_F(DiscoveryTest, TheSystemKnowsLocalhost) {
  Discovery discovery(main_, make_system_resolver(main_), {});
  const auto cluster = cluster_on(upstream_of({"localhost:8080"}), {&loop_});
  discovery.watch(cluster);
  EXPECT_TRUE(run_until([&] { return !cluster->describe().endpoints.empty(); }));
  EXPECT_TRUE(cluster->describe().endpoints[0].endpoint->socket_address().ip().is_loopback());
  discovery.stop();
}

}  // namespace
}  // namespace weir::upstream
