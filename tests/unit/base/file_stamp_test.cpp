#include "weir/base/file_stamp.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temp_folder.hpp"

namespace weir {
namespace {

TEST(FileStamp, IsOfTheFileThatANameLeadsTo) {
  const testing_support::TempFolder folder;
  EXPECT_FALSE(FileStamp::of(folder.file("a")).exists);
  EXPECT_FALSE(FileStamp::of(folder.path()).exists) << "a folder is no file";
  EXPECT_EQ(FileStamp::of(folder.file("a")), FileStamp::of(folder.path()));

  const FileStamp a = FileStamp::of(folder.write("a", "one"));
  EXPECT_TRUE(a.exists);
  EXPECT_EQ(a.size, 3);
  EXPECT_EQ(a, FileStamp::of(folder.file("a")));
  const FileStamp b = FileStamp::of(folder.write("b", "two"));
  EXPECT_NE(a, b);

  std::filesystem::create_symlink("a", folder.file("link"));
  EXPECT_EQ(FileStamp::of(folder.file("link")), a);
  std::filesystem::create_symlink("b", folder.file("new"));
  std::filesystem::rename(folder.file("new"), folder.file("link"));
  EXPECT_EQ(FileStamp::of(folder.file("link")), b);

  std::filesystem::rename(folder.file("b"), folder.file("a"));
  EXPECT_NE(FileStamp::of(folder.file("a")), a);
}

}  // namespace
}  // namespace weir
