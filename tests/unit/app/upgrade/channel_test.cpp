#include "app/upgrade/channel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::app {
namespace {

class UpgradeChannelTest : public testing::Test {
 protected:
  UpgradeChannelTest() {
    auto ends = make_channel();
    EXPECT_TRUE(ends) << ends.error();
    here_ = std::make_shared<UpgradeChannel>(main_, std::move(ends->first));
    there_.emplace(std::move(ends->second));
    here_->listen(
        [this](std::string_view word, std::string_view rest) {
          heard_.push_back(std::string(word) + "|" + std::string(rest));
          if (word == "stop") here_->close();
        },
        [this] { ++ended_; });
  }
  bool say(std::string_view text) { return send_message(there_->get(), text); }

  asio::io_context main_;
  std::shared_ptr<UpgradeChannel> here_;
  std::optional<Descriptor> there_;
  std::vector<std::string> heard_;
  int ended_ = 0;
};

TEST_F(UpgradeChannelTest, TextsComeAsTheyWereSent) {
  EXPECT_TRUE(say("go"));
  EXPECT_TRUE(say("failed weir.yaml:1:1: a\nb"));
  there_->close();
  main_.run();
  EXPECT_EQ(heard_, (std::vector<std::string>{"go|", "failed|weir.yaml:1:1: a\nb"}));
  EXPECT_EQ(ended_, 1);
  EXPECT_FALSE(here_->send("too late"));
}

TEST_F(UpgradeChannelTest, WhatHasComeIsHeardAtOnce) {
  say("waits for names");
  here_->look();
  EXPECT_EQ(heard_, std::vector<std::string>{"waits|for names"});
  here_->look();
  EXPECT_EQ(heard_.size(), 1u);
}

TEST_F(UpgradeChannelTest, NothingIsHeardAfterTheClose) {
  say("stop");
  say("more");
  there_->close();
  main_.run();
  EXPECT_EQ(heard_, std::vector<std::string>{"stop|"});
  EXPECT_EQ(ended_, 0);
}

TEST_F(UpgradeChannelTest, NobodyIsThereToHear) {
  there_->close();
  EXPECT_FALSE(here_->send("go"));  // and no SIGPIPE
}

TEST_F(UpgradeChannelTest, ALongTextIsCut) {
  EXPECT_TRUE(say("failed " + std::string(2 * longest_message, 'x')));
  main_.run_one();
  ASSERT_EQ(heard_.size(), 1u);
  EXPECT_EQ(heard_[0].size(), longest_message);
}

}  // namespace
}  // namespace weir::app
