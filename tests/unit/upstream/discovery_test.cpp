#include "weir/upstream/discovery.hpp"

#include <boost/asio/post.hpp>
#include <map>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

using control::LookUpEnd;

// Answers as the test says; a host without addresses does not exist.
class Answers final : public names::Resolver {
 public:
  explicit Answers(asio::io_context& main) : main_(main) {}
  void resolve(names::Question question, Done done) override {
    asked.push_back(question);
    if (held.contains(question.host)) return held[question.host].push_back(std::move(done));
    asio::post(main_, [done = std::move(done), answer = answer_to(question)]() mutable {
      done(std::move(answer));
    });
  }
  void on_change(std::function<void()> told) override { changed = std::move(told); }
  void stop() override { held.clear(); }

  names::Answer answer_to(const names::Question& question) {
    names::Answer out;
    out.ttl = ttl;
    out.source = names::Source::dns;
    out.lost = lost;
    for (const std::string& ip : known[question.host]) {
      const auto address = *IpAddress::parse(ip);
      out.found.push_back(
          {SocketAddress(address, question.port), 1, 0, address.is_v4() ? "A" : "AAAA"});
    }
    out.end = out.found.empty() ? failing : LookUpEnd::found;
    if (out.found.empty()) out.error = "host not found";
    return out;
  }

  std::map<std::string, std::vector<std::string>> known;
  std::map<std::string, std::vector<Done>> held;  // hosts whose answer the test gives
  LookUpEnd failing = LookUpEnd::no_name;
  std::optional<Duration> ttl = 1s;
  std::vector<std::string> lost;
  std::vector<names::Question> asked;
  std::function<void()> changed;

 private:
  asio::io_context& main_;
};

names::Answer found_at(const std::string& ip, std::uint16_t port) {
  names::Answer out;
  out.end = LookUpEnd::found;
  out.ttl = 1s;
  out.found.push_back({SocketAddress(*IpAddress::parse(ip), port), 1, 0, "A"});
  return out;
}

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() {
    auto answers = std::make_unique<Answers>(main_);
    answers_ = answers.get();
    discovery_ = std::make_unique<Discovery>(
        main_, std::move(answers),
        [this](std::string_view upstream, std::string_view name, const LookUpReport& report) {
          reports_.push_back(std::string(upstream) + " " + std::string(name) + " " +
                             std::string(report.error));
        },
        DiscoveryTimes{.wait_for_new = 200ms, .wait_again = 20ms});
    auto upstream = upstream_of({"orders.test:80"});
    upstream.endpoints[0].weight = 4;
    upstream.dns = fast();
    cluster_ = cluster_on(upstream, {&loop_});
  }
  static config::Dns fast() {
    return {.min_ttl = 5ms, .max_ttl = 5ms, .servers = {}, .keep_on_nxdomain = 40ms};
  }
  // As upstream_of(), asked often.
  static config::Upstream often(std::vector<std::string> names) {
    auto out = upstream_of(std::move(names));
    out.dns = fast();
    return out;
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
    const std::vector upstreams{often(std::move(names))};
    discovery_->prepare(upstreams,
                        [out](AddressesByUpstream found) { *out = std::move(found["orders"]); });
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
  answers_->failing = LookUpEnd::failed;
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

TEST_F(DiscoveryTest, AddressesOfANameThatIsGoneLeaveAfterAWhile) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.1:80"}; }));
  answers_->known.clear();
  reports_.clear();
  EXPECT_TRUE(run_until([&] { return !reports_.empty(); }));
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
  EXPECT_TRUE(run_until([&] { return addresses().empty(); }));
  EXPECT_EQ(cluster_->describe().unresolved, Texts{"orders.test:80"});
}

TEST_F(DiscoveryTest, AFamilyWithoutAnAnswerKeepsItsAddresses) {
  answers_->known["orders.test"] = {"127.0.0.1", "::1"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 2; }));
  answers_->lost = {"AAAA"};
  answers_->known["orders.test"] = {"127.0.0.2"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.2:80", "[::1]:80"}; }));
  answers_->lost.clear();
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.2:80"}; }));
}

TEST_F(DiscoveryTest, AFailedConnectAsksAgainSoonerThanTheAnswerSays) {
  auto upstream = upstream_of({"orders.test:80"});
  upstream.dns.max_ttl = 60s;
  answers_->ttl = 60s;
  answers_->known["orders.test"] = {"127.0.0.1"};
  cluster_ = cluster_on(upstream, {&loop_});
  const TimePoint begun = Clock::now();
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 1; }));
  answers_->known["orders.test"] = {"127.0.0.2"};
  discovery_->connect_failed(*cluster_, "127.0.0.9:80");
  EXPECT_GT(*discovery_->describe(*cluster_).at(0).asked_in, 50s) << "not an address of it";
  discovery_->connect_failed(*cluster_, "127.0.0.1:80");
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.2:80"}; }));
  EXPECT_GE(Clock::now() - begun, 1s) << "at most each second";
  EXPECT_EQ(answers_->asked.size(), 2u);
}

TEST_F(DiscoveryTest, AChangeInEtcAsksAllAgain) {
  auto upstream = upstream_of({"orders.test:80"});
  upstream.dns.max_ttl = 60s;
  answers_->ttl.reset();
  answers_->known["orders.test"] = {"127.0.0.1"};
  cluster_ = cluster_on(upstream, {&loop_});
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 1; }));
  EXPECT_FALSE(discovery_->describe(*cluster_).at(0).holds_for) << "until something changes";
  answers_->known["orders.test"] = {"127.0.0.2"};
  answers_->changed();
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

TEST_F(DiscoveryTest, WithNothingToFindNothingIsWaitedFor) {
  cluster_ = cluster_on(upstream_of({"127.0.0.1:80", "unix:/run/x.sock"}), {&loop_});
  watch();
  EXPECT_TRUE(prepare({"127.0.0.1:80", "unix:/run/x.sock"})->has_value());
  EXPECT_EQ(answers_->asked.size(), 0u);
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
  cluster_->apply(often(names), **found);
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.3:81"})) << "at once";
  watch();
  cluster_->apply(often({"127.0.0.9:1"}));
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
  cluster_->apply(often({"dead.test:80"}));
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
  answers_->held["new.test"][0](found_at("127.0.0.4", 80));
  EXPECT_TRUE(found->has_value()) << "the other's time is over";
}

// Its answer comes after the reload went on: it is taken when it comes.
TEST_F(DiscoveryTest, ALateAnswerIsTaken) {
  answers_->held["slow.test"];
  const auto found = prepare({"slow.test:80"});
  EXPECT_TRUE(run_until([&] { return found->has_value(); }));
  cluster_->apply(often({"slow.test:80"}), **found);
  watch();
  auto& held = answers_->held["slow.test"];
  ASSERT_EQ(held.size(), 1u) << "not asked twice";
  held[0](found_at("127.0.0.4", 80));
  EXPECT_EQ(addresses(), Texts{"127.0.0.4:80"});
}

TEST_F(DiscoveryTest, ANameOfTwoUpstreamsIsAskedOnce) {
  answers_->known["orders.test"] = {"127.0.0.1"};
  auto upstream = upstream_of({"orders.test:80"});
  upstream.dns = fast();
  upstream.name = "other";
  const auto other = cluster_on(upstream, {&loop_});
  discovery_->watch(std::vector{cluster_, other});
  EXPECT_EQ(answers_->asked.size(), 1u);
  EXPECT_TRUE(run_until([&] { return !other->describe().endpoints.empty(); }));
  EXPECT_EQ(addresses(), Texts{"127.0.0.1:80"});
}

// --- an endpoint whose name changed keeps the old addresses until the new name is found

TEST_F(DiscoveryTest, TheOldAddressesServeUntilTheNewNameIsFound) {
  answers_->known["orders.test"] = {"127.0.0.1", "127.0.0.2"};
  watch();
  EXPECT_TRUE(run_until([&] { return addresses().size() == 2; }));
  cluster_->apply(often({"renamed.test:80", "10.0.0.1:1"}));
  watch();
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.2:80", "10.0.0.1:1"}));
  EXPECT_EQ(cluster_->describe().unresolved, Texts{"renamed.test:80"});
  // A further reload before it is found, one that renames it again, and one that does not.
  cluster_->apply(often({"10.0.0.1:1", "again.test:80"}));
  watch();
  cluster_->apply(often({"again.test:80"}));
  watch();
  EXPECT_EQ(addresses(), (Texts{"127.0.0.1:80", "127.0.0.2:80"}));
  answers_->known["again.test"] = {"127.0.0.7"};
  EXPECT_TRUE(run_until([&] { return addresses() == Texts{"127.0.0.7:80"}; }));
  EXPECT_EQ(cluster_->describe().unresolved, Texts{});
}

TEST_F(DiscoveryTest, EachNewNameHasItsOwnOldOne) {
  cluster_->apply(often({"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"}));
  cluster_->apply(often({"10.0.0.4:1", "a.test:80", "b.test:80"}));
  EXPECT_EQ(addresses(), (Texts{"10.0.0.4:1", "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"}));
  cluster_->set_members("b.test:80", {{SocketAddress(*IpAddress::parse("127.0.0.7"), 80)}});
  EXPECT_EQ(addresses(), (Texts{"10.0.0.4:1", "10.0.0.1:1", "127.0.0.7:80"}));
}

TEST_F(DiscoveryTest, AnEndpointThatOnlyLeavesIsGone) {
  cluster_->apply(often({"10.0.0.1:1", "10.0.0.2:1"}));
  cluster_->apply(often({"10.0.0.2:1"}));
  EXPECT_EQ(addresses(), Texts{"10.0.0.2:1"});
}

}  // namespace
}  // namespace weir::upstream
