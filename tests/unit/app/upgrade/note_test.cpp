#include "app/upgrade/note.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::app {
namespace {

const UpgradeNote note{.from = 4711,
                       .succeeded = 3,
                       .failed = 1,
                       .addresses = {{.count = 2, .name = "http", .asked = "127.0.0.1:0"}}};

TEST(UpgradeNote, IsReadAsItWasWritten) {
  EXPECT_EQ(note.to_text(), "1 4711 3 1\nstream gateway 2 http 127.0.0.1:0\n");
  const auto read = UpgradeNote::parse(note.to_text());
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->from, 4711);
  EXPECT_EQ(read->succeeded, 3u);
  EXPECT_EQ(read->failed, 1u);
  EXPECT_EQ(read->addresses, note.addresses);
  const auto without = UpgradeNote::parse("1 4711 0 0\n");
  ASSERT_TRUE(without) << without.error();
  EXPECT_TRUE(without->addresses.empty());
}

TEST(UpgradeNote, AnotherVersionSaysSo) {
  const auto read = UpgradeNote::parse("2 whatever follows");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(),
            "WEIR_UPGRADE: the process before hands over in version 2, this one knows version 1");
}

TEST(UpgradeNote, WhatIsWrongIsRefused) {
  for (const char* text : {"", "1", "x", "1 4711", "1 4711 0", "1 4711 0 0", "1 0 0 0\n",
                           "1 -1 0 0\n", "1 99999999999 0 0\n", "yes\n"}) {
    const auto read = UpgradeNote::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error(), "WEIR_UPGRADE is not what a process before writes") << text;
  }
  const auto read = UpgradeNote::parse("1 4711 0 0\nnonsense\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), "WEIR_UPGRADE: 'nonsense' is not an address handed over");
}

TEST(SuccessorEnvironment, LeavesOutWhatWasForThisProcessAlone) {
  const char* const given[] = {
      "PATH=/bin",        "LISTEN_PID=1",     "LISTEN_FDS=2",     "LISTEN_FDNAMES=a",
      "WATCHDOG_PID=1",   "WATCHDOG_USEC=5",  "WEIR_TAKE_OVER=1", "WEIR_UPGRADE=1 1 0 0",
      "NOTIFY_SOCKET=@n", "LISTEN_FDS_OF=me", "NO_VALUE",         nullptr};
  const std::vector<std::string> expected = {"PATH=/bin",        "WATCHDOG_USEC=5",
                                             "NOTIFY_SOCKET=@n", "LISTEN_FDS_OF=me",
                                             "NO_VALUE",         "WEIR_UPGRADE=" + note.to_text()};
  EXPECT_EQ(successor_environment(given, note), expected);
}

}  // namespace
}  // namespace weir::app
