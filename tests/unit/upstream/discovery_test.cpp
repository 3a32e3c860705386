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
    if (held.contains(host)) return held[host].push_back(std::move(done));
    asio::post(main_, [done = std::move(done), found = std::move(found)]() mutable {
      const std::string error = found.empty() ? "host not found" : "";
      done(error, std::move(found));
    });
  }
  void stop() override { held.clear(); }

  std::map<std::string, std::vector<std::string>> known;
  std::map<std::string, std::vector<Done>> held;  // hosts whose answer the test gives
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
        DiscoveryTimes{
            .interval = 5ms, .first_retry = 1ms, .wait_for_new = 200ms, .wait_again = 20ms});
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
  void watch() { discovery_->watch(std::vector{cluster_}); }
  // What prepare() gives; nothing while it waits.
  std::shared_ptr<std::optional<Addresses>> prepare(std::vector<std::string> names) {
    auto out = std::make_shared<std::optional<Addresses>>();
    const std::vector upstreams{upstream_of(std::move(names))};
    discovery_->prepare(named_endpoints(upstreams),
                        [out](Addresses found) { *out = std::move(found); });
    return out;
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
  std::vector<TimePoint> asked_at_;
};

TEST_F(DiscoveryTest, EveryAddressBecomesAnEndpointWithTheNamesWeight) {
  answers_->known["orders.test"] = {"127.0.0.1", "::1"};
  watch();
  const auto found = prepare({"orders.test:80"});
  EXPECT_FALSE(*found);
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "[::1]:80"}));
  EXPECT_EQ((**found)["orders.test:80"].size(), 2u);
  EXPECT_EQ(cluster_->describe().endpoints[1].weight, 4u);
  EXPECT_EQ(reports_, Texts{"orders orders.test:80 "});
}

TEST_F(DiscoveryTest, TheLastGoodAddressesOutliveAFailure) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80"}; }));
  answers_->known.clear();
  reports_.clear();
  EXPECT_TRUE(run_until([&] { return reports_.size() >= 2; }));
  EXPECT_EQ(reports_[1], "orders orders.test:80 host not found");
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
  EXPECT_EQ(cluster_->describe().unresolved, Texts{});
  answers_->known["orders.test"] = {"127.0.0.2"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.2:80"}; }));
}

TEST_F(DiscoveryTest, ANameThatIsNotFoundIsAskedAgain) {
  watch();
  const auto found = prepare({"orders.test:80"});
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  EXPECT_TRUE((*found)->empty());
  EXPECT_EQ(addresses(), Texts{});
  EXPECT_EQ(cluster_->describe().unresolved, Texts{"orders.test:80"});
  EXPECT_EQ(cluster_->waits_for(), Texts{"orders.test:80"});
  answers_->known["orders.test"] = {"127.0.0.1"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80"}; }));
  EXPECT_EQ(cluster_->waits_for(), Texts{});
}

TEST_F(DiscoveryTest, PausesDoubleWhileThereIsNoAddress) {
  Discovery discovery(
      main_, std::make_unique<Answers>(main_),
      [this](auto, auto, auto, std::size_t) { asked_at_.push_back(Clock::now()); },
      DiscoveryTimes{.interval = 40ms, .first_retry = 10ms});
  discovery.watch(std::vector{cluster_});
  EXPECT_TRUE(run_until([&] { return asked_at_.size() == 5; }));
  const std::vector<Duration> least{10ms, 20ms, 40ms, 40ms};
  for (std::size_t i = 0; i < least.size(); ++i) {
    EXPECT_GE(asked_at_[i + 1] - asked_at_[i], least[i] - 1ms) << i;
  }
}

TEST_F(DiscoveryTest, WithNothingToFindNothingIsWaitedFor) {
  cluster_ = cluster_on(upstream_of({"127.0.0.1:80", "unix:/run/x.sock"}), {&loop_});
  watch();
  EXPECT_TRUE(prepare({"127.0.0.1:80", "unix:/run/x.sock"})->has_value());
  EXPECT_EQ(answers_->asked, 0);
  EXPECT_EQ(cluster_->waits_for(), Texts{});
}

TEST_F(DiscoveryTest, LooksUpNamesThatAReloadBroughtAndForgetsTheRetired) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  answers_->known["more.test"] = {"127.0.0.3"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 1; }));
  const std::vector<std::string> names{"orders.test:80", "more.test:81"};
  const auto found = prepare(names);
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  cluster_->apply(upstream_of(names), **found);
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.3:81"})) << "at once";
  watch();
  cluster_->apply(upstream_of({"127.0.0.9:1"}));
  watch();
  // Nothing is left to do on the main thread: the interval is not set again.
  EXPECT_TRUE(run_until([&] { return main_.stopped(); }));
}

TEST_F(DiscoveryTest, ANewNameIsWaitedForButNotWithoutEnd) {
  answers_->held["slow.test"];
  const TimePoint begun = Clock::now();
  const auto found = prepare({"slow.test:80"});
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  EXPECT_GE(Clock::now() - begun, 200ms);
  EXPECT_TRUE((*found)->empty());
}

TEST_F(DiscoveryTest, ANameThatWasNotFoundBeforeDelaysAReloadLess) {
  cluster_->apply(upstream_of({"dead.test:80"}));
  watch();
  EXPECT_TRUE(run_until([&] { return !reports_.empty(); }));
  answers_->held["dead.test"];
  const TimePoint begun = Clock::now();
  const auto found = prepare({"dead.test:80"});
  EXPECT_FALSE(*found) << "it is asked again, and waited for";
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  EXPECT_GE(Clock::now() - begun, 20ms);
  EXPECT_LT(Clock::now() - begun, 190ms);
}

TEST_F(DiscoveryTest, OfOldAndNewTheNewAreWaitedForLonger) {
  watch();
  EXPECT_TRUE(run_until([&] { return !reports_.empty(); }));
  answers_->held["orders.test"];
  answers_->held["new.test"];
  const TimePoint begun = Clock::now();
  const auto found = prepare({"orders.test:80", "new.test:80"});
  EXPECT_TRUE(run_until([&] { return Clock::now() - begun > 60ms; }));
  EXPECT_FALSE(*found);
  answers_->held["new.test"][0]("", {SocketAddress(*IpAddress::parse("127.0.0.4"), 80)});
  EXPECT_TRUE(found->has_value()) << "the other's time is over";
}

// Its answer comes after the reload went on: it is taken when it comes.
TEST_F(DiscoveryTest, ALateAnswerIsTaken) {
  answers_->held["slow.test"];
  const auto found = prepare({"slow.test:80"});
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  cluster_->apply(upstream_of({"slow.test:80"}), **found);
  watch();
  auto& held = answers_->held["slow.test"];
  ASSERT_EQ(held.size(), 1u) << "not asked twice";
  held[0]("no answer within 5 s", {});
  held[0]("", {SocketAddress(*IpAddress::parse("127.0.0.4"), 80)});
  EXPECT_EQ(addresses(), Texts{"127.0.0.4:80"});
}

TEST_F(DiscoveryTest, ANameOfTwoUpstreamsIsAskedOnce) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  auto upstream = upstream_of({"orders.test:80"});
  upstream.name = "other";
  const auto other = cluster_on(upstream, {&loop_});
  discovery_->watch(std::vector{cluster_, other});
  EXPECT_EQ(answers_->asked, 1);
  EXPECT_TRUE(run_until([&] { return !other->describe().endpoints.empty(); }));
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
}

// --- an endpoint whose name changed keeps the old addresses until the new name is found

TEST_F(DiscoveryTest, TheOldAddressesServeUntilTheNewNameIsFound) {
  answers_->known["orders.test"] = {"127.0.0.1", "127.0.0.2"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 2; }));
  cluster_->apply(upstream_of({"renamed.test:80", "10.0.0.1:1"}));
  watch();
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.2:80", "10.0.0.1:1"}));
  EXPECT_EQ(cluster_->describe().unresolved, Texts{"renamed.test:80"});
  // A further reload before it is found, one that renames it again, and one that does not.
  cluster_->apply(upstream_of({"10.0.0.1:1", "again.test:80"}));
  watch();
  cluster_->apply(upstream_of({"again.test:80"}));
  watch();
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.2:80"}));
  answers_->known["again.test"] = {"127.0.0.7"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.7:80"}; }));
  EXPECT_EQ(cluster_->describe().unresolved, Texts{});
}

TEST_F(DiscoveryTest, EachNewNameHasItsOwnOldOne) {
  cluster_->apply(upstream_of({"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"}));
  cluster_->apply(upstream_of({"10.0.0.4:1", "a.test:80", "b.test:80"}));
  EXPECT_EQ(addresses(), (Texts{"10.0.0.4:1", "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"}));
  cluster_->set_members("b.test:80", {{SocketAddress(*IpAddress::parse("127.0.0.7"), 80)}});
  EXPECT_EQ(addresses(), (Texts{"10.0.0.4:1", "10.0.0.1:1", "127.0.0.7:80"}));
}

TEST_F(DiscoveryTest, AnEndpointThatOnlyLeavesIsGone) {
  cluster_->apply(upstream_of({"10.0.0.1:1", "10.0.0.2:1"}));
  cluster_->apply(upstream_of({"10.0.0.2:1"}));
  EXPECT_EQ(addresses(), Texts{"10.0.0.2:1"});
}

}  // namespace
}  // namespace weir::upstream
