#include "server/watched_folders.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temp_folder.hpp"

namespace weir::server {
namespace {

namespace fs = std::filesystem;
using Folders = std::vector<std::string>;

class WatchedFoldersTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const {
    return name.empty() ? root_ : root_ + "/" + name;
  }
  // Below the test's folder; what is above it is the machine's.
  Folders folders(const std::string& name) const {
    Folders out;
    for (const std::string& each : watched_folders(at(name))) {
      if (each.starts_with(root_)) out.push_back(each);
    }
    return out;
  }

  const testing_support::TempFolder folder_;
  const std::string root_ = fs::canonical(folder_.path()).string();
};

TEST_F(WatchedFoldersTest, OfAPlainFileItsFolder) {
  folder_.write("weir.yaml", "x");
  EXPECT_EQ(folders("weir.yaml"), Folders{root_});
  EXPECT_EQ(folders("./weir.yaml"), Folders{root_});
  fs::create_directory(at("sub"));
  EXPECT_EQ(folders("sub/../weir.yaml"), Folders{root_});
}

TEST_F(WatchedFoldersTest, OfAFolderItself) { EXPECT_EQ(folders(""), Folders{root_}); }

TEST_F(WatchedFoldersTest, OfAConfigMapEveryLinkOnTheWay) {
  fs::create_directory(at("..2026"));
  folder_.write("..2026/weir.yaml", "x");
  fs::create_symlink("..2026", at("..data"));
  fs::create_symlink("..data/weir.yaml", at("weir.yaml"));
  EXPECT_EQ(folders("weir.yaml"), (Folders{root_, at("..2026")}));
}

TEST_F(WatchedFoldersTest, OfALinkToElsewhereBothEnds) {
  fs::create_directory(at("etc"));
  fs::create_directory(at("real"));
  folder_.write("real/a.crt", "x");
  fs::create_symlink(at("real/a.crt"), at("etc/a.crt"));
  EXPECT_EQ(folders("etc/a.crt"), (Folders{at("etc"), at("real")}));
}

TEST_F(WatchedFoldersTest, OfWhatIsMissingTheDeepestFolderThatIsThere) {
  EXPECT_EQ(folders("none.yaml"), Folders{root_});
  EXPECT_EQ(folders("none/deep/a.yaml"), Folders{root_});
  fs::create_symlink("nowhere/a.yaml", at("broken"));
  EXPECT_EQ(folders("broken"), Folders{root_});
}

TEST_F(WatchedFoldersTest, ACircleOfLinksEnds) {
  fs::create_symlink("b", at("a"));
  fs::create_symlink("a", at("b"));
  EXPECT_EQ(folders("a"), Folders{root_});
}

}  // namespace
}  // namespace weir::server
