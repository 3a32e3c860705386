#include "server/reloads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::server {
namespace {

class ReloadsTest : public testing::Test {
 protected:
  void ask(const std::string& who) {
    reloads_.ask([this, who](const Reloads::Problems& problems) {
      told_.push_back(who + ": " + (problems.empty() ? "" : problems.front().message));
    });
  }
  using Texts = std::vector<std::string>;

  int begun_ = 0;
  Reloads reloads_{[this] { ++begun_; }};
  Texts told_;
};

TEST_F(ReloadsTest, NoneBeginsBeforeTheStartIsOver) {
  ask("a");
  EXPECT_EQ(begun_, 0);
  reloads_.open();
  EXPECT_EQ(begun_, 1);
  reloads_.end({});
  EXPECT_EQ(told_, Texts{"a: "});
  EXPECT_EQ(begun_, 1);
}

TEST_F(ReloadsTest, WhoAsksWhileOneRunsSharesTheNext) {
  reloads_.open();
  for (const char* who : {"a", "b", "c"}) ask(who);
  EXPECT_EQ(begun_, 1);
  reloads_.end({{.place = {}, .path = {}, .message = "bad"}});
  EXPECT_EQ(told_, Texts{"a: bad"});
  EXPECT_EQ(begun_, 2);
  ask("d");
  reloads_.end({});
  EXPECT_EQ(told_, (Texts{"a: bad", "b: ", "c: "}));
  EXPECT_EQ(begun_, 3);
}

TEST_F(ReloadsTest, ARollbackSharesWithNobodyAndKeepsItsTurn) {
  const auto want = [this](const std::string& who, Reloads::Wanted wanted) {
    reloads_.ask([this, who](const Reloads::Problems&) { told_.push_back(who); },
                 std::move(wanted));
  };
  want("a", {.by = "SIGHUP"});
  want("b", {.by = "POST /reload"});
  want("c", {.by = "SIGHUP"});
  want("back", {.by = "rollback", .generation = 7});
  want("back again", {.by = "rollback", .generation = 8});
  want("d", {.by = "watch"});
  reloads_.open();
  EXPECT_EQ(reloads_.wanted().by, "SIGHUP, POST /reload");
  EXPECT_FALSE(reloads_.wanted().generation);
  reloads_.end({});
  EXPECT_EQ(told_, (Texts{"a", "b", "c"}));
  EXPECT_EQ(reloads_.wanted().generation, 7u);
  reloads_.end({});
  EXPECT_EQ(reloads_.wanted().generation, 8u);
  reloads_.end({});
  EXPECT_EQ(told_, (Texts{"a", "b", "c", "back", "back again"}));
  EXPECT_EQ(reloads_.wanted().by, "watch");
  reloads_.end({});
  EXPECT_EQ(begun_, 4);
  EXPECT_FALSE(reloads_.running());
}

TEST_F(ReloadsTest, TheSourceIsReadIfOneOfThemWantsThat) {
  const auto want = [this](Reloads::Wanted wanted) {
    reloads_.ask([](const Reloads::Problems&) {}, std::move(wanted));
  };
  want({.by = "providers", .is_of_documents = true});
  want({.by = "SIGHUP"});
  want({.by = "rollback", .generation = 7});
  want({.by = "providers", .is_of_documents = true});
  reloads_.open();
  EXPECT_EQ(reloads_.wanted().by, "providers, SIGHUP");
  EXPECT_FALSE(reloads_.wanted().is_of_documents);
  reloads_.end({});
  EXPECT_FALSE(reloads_.wanted().is_of_documents);
  reloads_.end({});
  EXPECT_EQ(reloads_.wanted().by, "providers");
  EXPECT_TRUE(reloads_.wanted().is_of_documents);
  reloads_.end({});
  EXPECT_EQ(begun_, 3);
}

TEST_F(ReloadsTest, DocumentsAreServedBeforeOthers) {
  const auto want = [this](Reloads::Wanted wanted) {
    reloads_.ask([this](const Reloads::Problems&) { told_.push_back("told"); }, std::move(wanted));
  };
  want({.by = "SIGHUP"});
  want({.by = "providers", .is_of_documents = true});
  EXPECT_EQ(begun_, 0);
  reloads_.open_for_documents();
  EXPECT_EQ(begun_, 1);
  EXPECT_EQ(reloads_.wanted().by, "providers");
  EXPECT_TRUE(reloads_.wanted().is_of_documents);
  reloads_.end({});
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_EQ(begun_, 1);
  reloads_.open();
  EXPECT_EQ(begun_, 2);
  EXPECT_EQ(reloads_.wanted().by, "SIGHUP");
  reloads_.end({});
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(ReloadsTest, WhoAsksAgainWhenToldIsServed) {
  reloads_.open();
  reloads_.ask([this](const auto&) { ask("again"); });
  reloads_.end({});
  EXPECT_EQ(begun_, 2);
  reloads_.end({});
  EXPECT_EQ(told_, Texts{"again: "});
}

TEST_F(ReloadsTest, TheEndTellsEverybodyOnce) {
  reloads_.open();
  for (const char* who : {"a", "b"}) ask(who);
  reloads_.stop();
  EXPECT_EQ(told_, (Texts{"a: shutting down", "b: shutting down"}));
  reloads_.end({});
  ask("c");
  EXPECT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_.back(), "c: shutting down");
  EXPECT_EQ(begun_, 1);
}

TEST_F(ReloadsTest, TooManyAreRefused) {
  reloads_.open();
  for (int i = 0; i < 300; ++i) ask("x");
  EXPECT_EQ(told_.size(), 300u - 1 - 256);
  EXPECT_EQ(told_.front(), "x: too many reloads are waiting already");
}

}  // namespace
}  // namespace weir::server
