// Endpoints in the keys of etcd: when a list goes to its cluster, what a wrong value leaves, and
// what is told.
#include "weir/provider/endpoint_lists.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "provider/fake_etcd.hpp"

namespace weir::provider {
namespace {

using Texts = std::vector<std::string>;
using namespace std::chrono_literals;

class EndpointListsTest : public testing::Test {
 protected:
  WantedList wanted(const std::string& upstream, Duration empty_after = 30s) const {
    WantedList out;
    out.upstream = upstream;
    out.etcd.prefix = "/services/" + upstream + "/";
    out.etcd.access.endpoints = {etcd_.url()};
    out.empty_after = empty_after;
    return out;
  }

  // False when it does not come to that in time, which is longer than five pauses between attempts.
  template <class Condition>
  bool comes_to(Condition condition) {
    const TimePoint until = Clock::now() + 30s;
    while (!condition() && Clock::now() < until) {
      main_.restart();
      main_.run_for(2ms);
    }
    return condition();
  }
  bool has(const std::string& upstream, const Texts& addresses) {
    return comes_to([&] { return taken_[upstream] == addresses; });
  }
  std::string error(const std::string& upstream) const {
    const auto info = lists_.describe(upstream);
    return info ? info->error : "there is none";
  }

  FakeEtcd etcd_;
  asio::io_context main_;
  std::map<std::string, Texts> taken_;
  Texts reports_;
  int changes_ = 0;
  EndpointLists lists_{
      main_,
      [this](std::string_view upstream, const config::ListedEndpoints& listed, TimePoint) {
        Texts addresses;
        for (const config::EndpointSpec& each : listed) {
          addresses.push_back(each.address);
        }
        Texts& is = taken_[std::string(upstream)];
        return std::exchange(is, addresses) != addresses;
      },
      [this](std::string_view upstream, const ListInfo& info) {
        reports_.push_back(std::string(upstream) + " " + std::to_string(info.endpoints) +
                           (info.error.empty() ? "" : " wrong") + (info.empty_in ? " empty" : ""));
      },
      [this] { ++changes_; }, 2ms};
};

TEST_F(EndpointListsTest, KeysComeChangeAndGo) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  EXPECT_EQ(lists_.waits_for(), "");
  lists_.watch({wanted("x")});
  EXPECT_EQ(lists_.waits_for(), "the endpoints of upstream x (etcd)");
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  EXPECT_EQ(lists_.waits_for(), "");
  EXPECT_EQ(changes_, 1);
  etcd_.put("/services/x/2", "{address: '10.0.0.2:80', weight: 3}");
  ASSERT_TRUE(has("x", {"10.0.0.1:80", "10.0.0.2:80"}));
  etcd_.put("/services/x/1", "10.0.0.3:80");
  ASSERT_TRUE(has("x", {"10.0.0.3:80", "10.0.0.2:80"}));
  etcd_.remove("/services/x/1");
  ASSERT_TRUE(has("x", {"10.0.0.2:80"}));
  const auto info = lists_.describe("x");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->from, "etcd:/services/x/");
  EXPECT_EQ(info->endpoints, 1U);
  EXPECT_FALSE(lists_.describe("y"));
}

TEST_F(EndpointListsTest, AWrongValueLeavesWhatItsKeySaid) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  etcd_.put("/services/x/2", "10.0.0.2:80");
  lists_.watch({wanted("x")});
  ASSERT_TRUE(has("x", {"10.0.0.1:80", "10.0.0.2:80"}));
  etcd_.put("/services/x/1", "nonsense");
  ASSERT_TRUE(comes_to([&] { return error("x").contains("etcd:/services/x/1"); }));
  etcd_.put("/services/x/3", "also nonsense");
  ASSERT_TRUE(comes_to([&] { return error("x").ends_with("(and 1 more)"); }));
  EXPECT_EQ(taken_["x"], (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  etcd_.put("/services/x/1", "10.0.0.4:80");
  etcd_.remove("/services/x/3");
  ASSERT_TRUE(has("x", {"10.0.0.4:80", "10.0.0.2:80"}));
  EXPECT_TRUE(comes_to([&] { return error("x").empty(); }));
  EXPECT_EQ(reports_.back(), "x 2");
}

TEST_F(EndpointListsTest, TheSameEndpointTwiceIsOne) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  etcd_.put("/services/x/2", "10.0.0.1:80");
  etcd_.put("/services/x/", "");  // as some tools make for folders
  lists_.watch({wanted("x")});
  EXPECT_TRUE(has("x", {"10.0.0.1:80"}));
  EXPECT_EQ(error("x"), "");
}

TEST_F(EndpointListsTest, AnEmptyListIsInForceAfterAWhile) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  lists_.watch({wanted("x", 100ms)});
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  const TimePoint removed = Clock::now();
  etcd_.remove("/services/x/1");
  ASSERT_TRUE(comes_to([&] { return std::ranges::find(reports_, "x 0 empty") != reports_.end(); }));
  ASSERT_TRUE(has("x", {}));
  EXPECT_GE(Clock::now() - removed, 100ms);
  EXPECT_EQ(reports_.back(), "x 0");
}

TEST_F(EndpointListsTest, AnEmptyListThatIsFilledAgainChangesNothing) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  lists_.watch({wanted("x")});
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  etcd_.remove("/services/x/1");
  ASSERT_TRUE(comes_to([&] { return lists_.describe("x")->empty_in.has_value(); }));
  EXPECT_EQ(taken_["x"], Texts{"10.0.0.1:80"});
  etcd_.put("/services/x/1", "10.0.0.1:80");
  ASSERT_TRUE(comes_to([&] { return !lists_.describe("x")->empty_in; }));
  EXPECT_EQ(changes_, 1);
}

TEST_F(EndpointListsTest, OneThatIsEmptyAtTheStartIsThere) {
  lists_.watch({wanted("x")});
  EXPECT_TRUE(comes_to([&] { return lists_.waits_for().empty(); }));
  EXPECT_EQ(taken_["x"], Texts{});
}

TEST_F(EndpointListsTest, WeightsThatAreAllZeroAreAMistake) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  lists_.watch({wanted("x")});
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  etcd_.put("/services/x/1", "{address: '10.0.0.1:80', weight: 0}");
  ASSERT_TRUE(comes_to([&] { return error("x") == "one weight at least must be above 0"; }));
  EXPECT_EQ(taken_["x"], Texts{"10.0.0.1:80"});
}

TEST_F(EndpointListsTest, EtcdIsAway) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  lists_.watch({wanted("x")});
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  etcd_.complain("no leader");
  ASSERT_TRUE(comes_to([&] { return error("x").contains("no leader"); }));
  EXPECT_EQ(taken_["x"], Texts{"10.0.0.1:80"});
  EXPECT_EQ(lists_.describe("x")->endpoints, 1U);
  etcd_.complain("");
  etcd_.put("/services/x/1", "10.0.0.2:80");
  EXPECT_TRUE(has("x", {"10.0.0.2:80"}));
  EXPECT_TRUE(comes_to([&] { return error("x").empty(); }));
}

TEST_F(EndpointListsTest, AReloadKeepsWhatIsWatched) {
  etcd_.put("/services/x/1", "10.0.0.1:80");
  etcd_.put("/services/y/1", "10.0.0.2:80");
  lists_.watch({wanted("x")});
  ASSERT_TRUE(has("x", {"10.0.0.1:80"}));
  const std::size_t lists = etcd_.lists();
  lists_.watch({wanted("x", 5s), wanted("y")});
  EXPECT_EQ(lists_.waits_for(), "the endpoints of upstream y (etcd)");
  ASSERT_TRUE(comes_to([&] { return lists_.waits_for().empty(); }));
  EXPECT_EQ(etcd_.lists(), lists + 1) << "x was not asked for again";
  lists_.watch({wanted("y")});
  EXPECT_FALSE(lists_.describe("x"));
  EXPECT_TRUE(lists_.describe("y"));
}

TEST_F(EndpointListsTest, AfterTheEndNothingIsTold) {
  lists_.watch({wanted("x")});
  ASSERT_TRUE(comes_to([&] { return lists_.waits_for().empty(); }));
  lists_.stop();
  const int changes = changes_;
  etcd_.put("/services/x/1", "10.0.0.1:80");
  const TimePoint until = Clock::now() + 50ms;
  comes_to([&] { return Clock::now() >= until; });
  EXPECT_EQ(changes_, changes);
  lists_.watch({wanted("x")});
  EXPECT_EQ(lists_.waits_for(), "");
}

}  // namespace
}  // namespace weir::provider
