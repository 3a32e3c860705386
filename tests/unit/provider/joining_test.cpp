// Which versions of documents are joined with the file, and what is said of each.
#include "weir/provider/joining.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "provider/provider_case.hpp"

namespace weir::provider {
namespace {

using Names = std::vector<std::string>;
using Use = Verdict::Use;

Input input(const std::string& name, Known now, Known good = nullptr) {
  return {
      .provider = "etcd", .rank = 1, .name = name, .now = std::move(now), .good = std::move(good)};
}

class JoiningTest : public testing::Test {
 protected:
  // Joins them; the names of the routes, in order.
  Names join(const Inputs& inputs, config::LoadChecks checks = {}) {
    joining_.emplace(file_, inputs, std::move(checks));
    return again();
  }
  Names again() {
    const auto whole = joining_->join();
    if (!whole) return {"failed: " + whole.error().front().to_string()};
    return route_names(whole->config);
  }
  const Verdict& verdict(std::size_t i = 0) const {
    return joining_->joined().verdicts.at(i).verdict;
  }
  Use use(std::size_t i = 0) const { return verdict(i).use; }

  const config::Loaded file_ = own_file();
  std::optional<Joining> joining_;
};

TEST_F(JoiningTest, DocumentsComeBehindTheFileByName) {
  EXPECT_EQ(
      join({input("b", known("b", route_text("rb"))), input("a", known("a", route_text("ra")))}),
      (Names{"own", "ra", "rb"}));
  ASSERT_EQ(joining_->joined().in_force.size(), 2U);
  EXPECT_EQ(joining_->joined().in_force[0].name, "a");
  EXPECT_EQ(use(0), Use::in_force);
  EXPECT_EQ(use(1), Use::in_force);
  EXPECT_EQ(verdict(0).document, "a");
  EXPECT_TRUE(verdict(0).problems.empty());
}

TEST_F(JoiningTest, EarlierProvidersGoFirst) {
  Input later = input("a", known("a", route_text("ra")));
  later.rank = 2;
  EXPECT_EQ(join({later, input("b", known("b", route_text("rb")))}), (Names{"own", "rb", "ra"}));
}

TEST_F(JoiningTest, OfAProviderThatTheFileDoesNotNameThereIsNothing) {
  Input other = input("a", known("a", route_text("ra")));
  other.provider = "other";
  EXPECT_EQ(join({other}), Names{"own"});
  EXPECT_TRUE(joining_->joined().verdicts.empty());
}

TEST_F(JoiningTest, AWrongVersionLeavesTheGoodOne) {
  const Known good = known("a", route_text("good"));
  EXPECT_EQ(join({input("a", known("a", "routes: [", "2"), good)}), (Names{"own", "good"}));
  EXPECT_EQ(use(), Use::last_good);
  EXPECT_EQ(verdict().version, "2") << "that was judged";
  ASSERT_FALSE(verdict().problems.empty());
  EXPECT_TRUE(verdict().problems.front().starts_with("etcd:a:")) << verdict().problems.front();
  EXPECT_EQ(joining_->joined().in_force.front().document, good);
}

TEST_F(JoiningTest, AWrongOneWithoutAGoodOneIsRefused) {
  EXPECT_EQ(
      join({input("a", known("a", "listeners: []")), input("b", known("b", route_text("rb")))}),
      (Names{"own", "rb"}));
  EXPECT_EQ(use(0), Use::refused);
  EXPECT_EQ(use(1), Use::in_force);
  EXPECT_EQ(joining_->joined().in_force.size(), 1U);
}

TEST_F(JoiningTest, WhatOnlyTheWholeShowsIsTheDocumentsFault) {
  const config::LoadChecks checks{
      .regex = [](const std::string& text) { return text == "/bad" ? "no such thing" : ""; },
      .files = {}};
  const auto regex = [](const std::string& name, const std::string& text) {
    return "routes: [{name: " + name + ", match: {path_regex: " + text +
           "}, respond: {status: 204}}]";
  };
  const Known good = known("a", regex("a", "/good"));
  EXPECT_EQ(
      join({input("a", known("a", regex("a2", "/bad"), "2"), good),
            input("b", known("b", regex("b", "/bad"))), input("c", known("c", route_text("c")))},
           checks),
      (Names{"own", "a", "c"}));
  EXPECT_EQ(use(0), Use::last_good);
  EXPECT_EQ(use(1), Use::refused);
  EXPECT_EQ(use(2), Use::in_force);
  EXPECT_TRUE(verdict(0).problems.front().contains("no such thing"));
}

TEST_F(JoiningTest, WhatOthersFindLaterIsBlamedOnIt) {
  const Known good = known("a", route_text("good"));
  EXPECT_EQ(join({input("a", known("a", route_text("new"), "2"), good),
                  input("b", known("b", route_text("rb")))}),
            (Names{"own", "new", "rb"}));
  const Joining::Problems problems{{.place = {.file = "etcd:a", .line = 1, .column = 2},
                                    .path = {},
                                    .message = "no certificate"}};
  ASSERT_TRUE(joining_->blame(problems));
  EXPECT_EQ(again(), (Names{"own", "good", "rb"}));
  EXPECT_EQ(use(0), Use::last_good);
  EXPECT_EQ(verdict(0).problems, Names{"etcd:a:2:3: no certificate"});
  // Also the good one, which has met another machine.
  ASSERT_TRUE(joining_->blame(problems));
  EXPECT_EQ(again(), (Names{"own", "rb"}));
  EXPECT_EQ(use(0), Use::refused);
}

TEST_F(JoiningTest, NobodyIsBlamedForTheFile) {
  EXPECT_EQ(join({input("a", known("a", route_text("ra")))}), (Names{"own", "ra"}));
  EXPECT_FALSE(joining_->blame({{.place = {.file = "weir.yaml", .line = 1, .column = 1},
                                 .path = {},
                                 .message = "no memory"}}));
  EXPECT_FALSE(joining_->blame({{.place = {}, .path = {}, .message = "no memory"}}));
}

TEST_F(JoiningTest, WhatOthersNeedIsHeld) {
  const Known upstream = known("u", upstream_text("x", "10.0.0.1:1"));
  const Known route = known("r", route_text("rx", "x"));
  EXPECT_EQ(join({input("r", route, route), input("u", nullptr, upstream)}), (Names{"own", "rx"}));
  EXPECT_EQ(use(1), Use::held);
  ASSERT_EQ(joining_->joined().in_force.size(), 2U);
  const InForce& held = joining_->joined().in_force[1];
  ASSERT_TRUE(held.only);
  EXPECT_EQ(held.only->upstreams, config::NameSet{"x"});
  EXPECT_EQ(held.document, upstream);
  // Nobody needs it any more.
  EXPECT_EQ(join({input("r", nullptr, route), input("u", nullptr, upstream)}), Names{"own"});
  EXPECT_TRUE(joining_->joined().in_force.empty());
  EXPECT_TRUE(joining_->joined().verdicts.empty()) << "what is gone is not told of";
}

TEST_F(JoiningTest, ANameOfTheFileIsTaken) {
  EXPECT_EQ(join({input("a", known("a", route_text("own")))}), Names{"own"});
  EXPECT_EQ(use(), Use::refused);
  EXPECT_EQ(verdict().problems,
            Names{"the name 'own' of a route is already taken by the gateway's own file"});
}

TEST_F(JoiningTest, OfManyProblemsSomeAreTold) {
  std::string text = "routes:\n";
  for (int i = 0; i < 100; ++i) text += "- {name: r" + std::to_string(i) + ", nonsense: 1}\n";
  EXPECT_EQ(join({input("a", known("a", text))}), Names{"own"});
  EXPECT_EQ(verdict().problems.size(), 20U);
}

}  // namespace
}  // namespace weir::provider
