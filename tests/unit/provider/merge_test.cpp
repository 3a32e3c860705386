#include "provider/merge.hpp"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

using config::DocumentNames;
using Take = Choice::Take;

DocumentNames names(config::NameSet routes, config::NameSet upstreams, config::NameSet needs = {},
                    config::NameSet middleware = {}) {
  DocumentNames out;
  out.defines = {std::move(routes), std::move(upstreams), std::move(middleware)};
  out.needs.upstreams = std::move(needs);
  return out;
}

// A document that has been in force and is the same now.
Claimant same(std::string name, const DocumentNames& is, unsigned provider = 1) {
  return {
      .name = std::move(name), .provider = provider, .is_same = true, .now = {&is}, .good = {&is}};
}
Claimant changed(std::string name, const DocumentNames& now, const DocumentNames& good) {
  return {.name = std::move(name), .provider = 1, .now = {&now}, .good = {&good}};
}
Claimant fresh(std::string name, const DocumentNames& now, unsigned provider = 1) {
  return {.name = std::move(name), .provider = provider, .now = {&now}, .good = {}};
}
Claimant gone(std::string name, const DocumentNames& good) {
  return {.name = std::move(name), .provider = 1, .is_there = false, .now = {}, .good = {&good}};
}

const DocumentNames no_names;

TEST(Merge, TakesWhatFitsTogether) {
  const auto a = names({"a"}, {}, {"shared", "of-file"});
  const auto b = names({"b"}, {"shared"});
  const std::vector<Claimant> all{fresh("a", a), fresh("b", b)};
  const auto out = merge(names({}, {"of-file"}), all);
  EXPECT_EQ(out[0].take, Take::now);
  EXPECT_EQ(out[1].take, Take::now);
  EXPECT_TRUE(out[0].problems.empty());
}

TEST(Merge, AWrongVersionGivesWayToTheGoodOne) {
  const auto good = names({"a"}, {});
  Claimant wrong{.name = "a", .provider = 1, .now = {nullptr, {"a:1:1: wrong"}}, .good = {&good}};
  Claimant never = wrong;
  never.good = {};
  const std::vector<Claimant> all{wrong};
  EXPECT_EQ(merge(no_names, all)[0].take, Take::good);
  EXPECT_EQ(merge(no_names, all)[0].problems, std::vector<std::string>{"a:1:1: wrong"});
  const std::vector<Claimant> none{never};
  EXPECT_EQ(merge(no_names, none)[0].take, Take::none);
}

TEST(Merge, TheFileGoesFirst) {
  const auto a = names({"taken"}, {});
  const auto before = names({"a"}, {});
  const auto file = names({"taken"}, {});
  const std::vector<Claimant> all{changed("a", a, before)};
  const auto out = merge(file, all);
  EXPECT_EQ(out[0].take, Take::good);
  EXPECT_EQ(out[0].problems,
            std::vector<std::string>{
                "the name 'taken' of a route is already taken by the gateway's own file"});
}

TEST(Merge, WhatIsInForceGoesBeforeWhatIsNew) {
  const auto same_name = names({"x"}, {});
  const std::vector<Claimant> all{fresh("a", same_name), same("b", same_name)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::none);
  EXPECT_EQ(out[1].take, Take::now);
  EXPECT_TRUE(out[0].problems[0].ends_with("already taken by b"));
}

TEST(Merge, OfTwoNewOnesTheFirstByName) {
  const auto same_name = names({}, {"x"});
  const std::vector<Claimant> all{fresh("b", same_name), fresh("a", same_name)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::none);
  EXPECT_EQ(out[1].take, Take::now);
}

TEST(Merge, TheLaterProviderGivesWayEvenInForce) {
  const auto same_name = names({"x"}, {});
  const std::vector<Claimant> all{fresh("b", same_name, 1), same("a", same_name, 2)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::now);
  EXPECT_EQ(out[1].take, Take::none);
}

TEST(Merge, AReferenceThatIsGoneIsHeld) {
  const auto a = names({"a"}, {}, {"x"});
  const auto b = names({"b"}, {"x", "y"});
  const std::vector<Claimant> all{same("a", a), gone("b", b)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::now);
  EXPECT_EQ(out[0].problems, std::vector<std::string>{
                                 "upstream 'x' is not there any more; what it was stays in force"});
  EXPECT_EQ(out[1].take, Take::held);
  EXPECT_EQ(out[1].held.upstreams, config::NameSet{"x"});
}

TEST(Merge, OneThatLostANameIsTakenAndTheNameIsHeld) {
  const auto a = names({"a"}, {}, {"x"});
  const auto before = names({"b"}, {"x"});
  const auto now = names({"b"}, {});
  const std::vector<Claimant> all{same("a", a), changed("b", now, before)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[1].take, Take::now);
  EXPECT_EQ(out[1].held.upstreams, config::NameSet{"x"});
}

TEST(Merge, HeldMiddlewareHoldsWhatItAsks) {
  DocumentNames a = names({"a"}, {});
  a.needs.middleware = {"m"};
  DocumentNames b = names({}, {"asked"}, {}, {"m"});
  b.asked = {{"m", "asked"}};
  const std::vector<Claimant> all{same("a", a), gone("b", b)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::now);
  EXPECT_EQ(out[1].held.middleware, config::NameSet{"m"});
  EXPECT_EQ(out[1].held.upstreams, config::NameSet{"asked"});
}

TEST(Merge, ANewReferenceToNothingGivesWay) {
  const auto now = names({"a"}, {}, {"x"});
  const auto before = names({"a"}, {});
  const std::vector<Claimant> all{changed("a", now, before), fresh("b", now)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::good);
  EXPECT_EQ(out[0].problems, std::vector<std::string>{"upstream 'x' is not there"});
  EXPECT_EQ(out[1].take, Take::none);
}

TEST(Merge, WhatNeedsADocumentThatGaveWayGivesWay) {
  const auto a = names({"a"}, {}, {"x"});
  const auto b = names({"taken"}, {"x"});
  const auto file = names({"taken"}, {});
  const std::vector<Claimant> all{fresh("a", a), fresh("b", b)};
  const auto out = merge(file, all);
  EXPECT_EQ(out[0].take, Take::none);
  EXPECT_EQ(out[1].take, Take::none);
}

TEST(Merge, WhatIsGoneAndNotNeededIsGone) {
  const auto b = names({"b"}, {"x"});
  const std::vector<Claimant> all{gone("b", b)};
  const auto out = merge(no_names, all);
  EXPECT_EQ(out[0].take, Take::none);
  EXPECT_TRUE(out[0].problems.empty());
}

}  // namespace
}  // namespace weir::provider
