#include "server/config_watch.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "support/temp_folder.hpp"

namespace weir::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ConfigWatchTest : public testing::Test {
 protected:
  ConfigWatchTest() { path_ = folder_.write("weir.yaml", "one"); }

  ConfigWatch::Files files() const {
    return {.read = {{path_, FileStamp::of(path_)}}, .listed_folder = {}, .tls = {}};
  }
  // Runs the loop until it is so, for a bounded time.
  bool until(const std::function<bool()>& condition, Duration most = 20s) {
    const TimePoint end = Clock::now() + most;
    while (!condition() && Clock::now() < end) {
      main_.restart();
      main_.run_one_for(10ms);
    }
    return condition();
  }
  // Long enough for a burst to be looked at.
  void nothing_more() {
    const int reloads = reloads_;
    const int looks = looks_;
    until([] { return false; }, 600ms);
    EXPECT_EQ(reloads_, reloads);
    EXPECT_EQ(looks_, looks);
  }

  testing_support::TempFolder folder_;
  std::string path_;
  int reloads_ = 0;
  int looks_ = 0;
  asio::io_context main_;
  ConfigWatch watch_{main_, [this] { ++reloads_; }, [this] { ++looks_; }};
};

TEST_F(ConfigWatchTest, TellsOfAFileThatIsWritten) {
  watch_.watch(files());
  nothing_more();
  folder_.write("weir.yaml", "two, longer");
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
  nothing_more();
}

TEST_F(ConfigWatchTest, TellsOnceOfABurst) {
  watch_.watch(files());
  nothing_more();
  for (int i = 0; i < 20; ++i)
    folder_.write("weir.yaml", std::string(static_cast<std::size_t>(i) + 9, 'x'));
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
  nothing_more();
}

TEST_F(ConfigWatchTest, TellsOfAFileThatIsRenamedToItsName) {
  watch_.watch(files());
  nothing_more();
  folder_.write(".weir.yaml.swp", "two");
  nothing_more();
  fs::rename(folder_.file(".weir.yaml.swp"), path_);
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
}

TEST_F(ConfigWatchTest, TellsOfALinkThatIsTurned) {
  fs::create_directory(folder_.file("..1"));
  fs::create_directory(folder_.file("..2"));
  folder_.write("..1/a.yaml", "one");
  folder_.write("..2/a.yaml", "two");
  fs::create_symlink("..1", folder_.file("..data"));
  fs::create_symlink("..data/a.yaml", folder_.file("a.yaml"));
  path_ = folder_.file("a.yaml");
  watch_.watch(files());
  nothing_more();
  fs::create_symlink("..2", folder_.file("..data_tmp"));
  fs::rename(folder_.file("..data_tmp"), folder_.file("..data"));
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
  // Where it leads now is watched, too.
  folder_.write("..2/a.yaml", "three, longer");
  EXPECT_TRUE(until([this] { return reloads_ == 2; }));
}

TEST_F(ConfigWatchTest, OtherFilesOfTheFolderAreNothing) {
  watch_.watch(files());
  folder_.write("other", "x");
  nothing_more();
}

TEST_F(ConfigWatchTest, TellsOfAFileThatIsNewInTheFolder) {
  auto known = files();
  known.listed_folder = folder_.path();
  watch_.watch(std::move(known));
  nothing_more();
  folder_.write("more.yaml", "x");
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
  fs::remove(folder_.file("more.yaml"));
  EXPECT_TRUE(until([this] { return reloads_ == 2; }));
}

TEST_F(ConfigWatchTest, TellsOfWhatHasChangedSinceItWasRead) {
  auto known = files();
  folder_.write("weir.yaml", "written between the reading and now");
  watch_.watch(std::move(known));
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
}

TEST_F(ConfigWatchTest, CertificatesNeedNoReload) {
  auto known = files();
  known.tls = {folder_.write("a.crt", "one")};
  watch_.watch(std::move(known));
  nothing_more();
  folder_.write("a.crt", "two, longer");
  EXPECT_TRUE(until([this] { return looks_ == 1; }));
  EXPECT_EQ(reloads_, 0);
}

TEST_F(ConfigWatchTest, AFileThatWasNotThereMayCome) {
  auto known = files();
  const std::string users = folder_.file("later/users");
  known.read.push_back({users, FileStamp::of(users)});
  watch_.watch(std::move(known));
  nothing_more();
  fs::create_directory(folder_.file("later"));
  nothing_more();
  folder_.write("later/users", "x");
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
}

TEST_F(ConfigWatchTest, StoppedItIsSilentAndMayBeginAgain) {
  watch_.watch(files());
  watch_.stop();
  folder_.write("weir.yaml", "two, longer");
  nothing_more();
  watch_.watch(files());
  nothing_more();
  folder_.write("weir.yaml", "three, longer than that");
  EXPECT_TRUE(until([this] { return reloads_ == 1; }));
}

}  // namespace
}  // namespace weir::server
