#include "weir/config/written_admin.hpp"

#include <gtest/gtest.h>

#include "support/temp_folder.hpp"

namespace weir::config {
namespace {

using testing_support::TempFolder;

TEST(WrittenAdmin, NothingElseHasToBeRight) {
  const TempFolder folder;
  folder.write("token", "0123456789\n");
  const auto read = read_admin(folder.write("weir.yaml",
                                            "listeners: nonsense\n"
                                            "admin: {bind: \"0.0.0.0:9000\", token_file: token}\n"
                                            "middlewares: {x: [1, 2]}\n"));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->problems.empty());
  EXPECT_EQ(read->admin.bind, "0.0.0.0:9000");
  EXPECT_EQ(read->admin.token, "0123456789");
}

TEST(WrittenAdmin, DefaultsWhereNothingIsWritten) {
  const TempFolder folder;
  for (const char* text : {"version: 1\n", "", "# nothing\n", "[a, list]\n"}) {
    const auto read = read_admin(folder.write("weir.yaml", text));
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->admin.bind, "127.0.0.1:9901") << text;
    EXPECT_TRUE(read->problems.empty()) << text;
  }
}

TEST(WrittenAdmin, Off) {
  const TempFolder folder;
  for (const char* text : {"admin: off\n", "admin: {bind: off}\n"}) {
    const auto read = read_admin(folder.write("weir.yaml", text));
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->admin.bind, "") << text;
  }
}

TEST(WrittenAdmin, OfAFolder) {
  const TempFolder folder;
  folder.write("a.yaml", "listeners: []\n");
  folder.write("b.yml", "admin: {bind: \"127.0.0.1:7\"}\n");
  const auto read = read_admin(folder.path());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->admin.bind, "127.0.0.1:7");
}

TEST(WrittenAdmin, ATokenThatCannotBeReadLeavesTheAddress) {
  const TempFolder folder;
  const auto read =
      read_admin(folder.write("weir.yaml", "admin: {bind: \"127.0.0.1:7\", token_file: gone}\n"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->admin.bind, "127.0.0.1:7");
  EXPECT_EQ(read->admin.token, "");
  ASSERT_EQ(read->problems.size(), 1u);
  EXPECT_EQ(read->problems[0].path, "admin.token_file");
}

TEST(WrittenAdmin, SaysWhatIsWrongWithTheAddress) {
  const TempFolder folder;
  const auto read = read_admin(folder.write("weir.yaml", "admin:\n  bind: here\n"));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->problems.size(), 1u);
  EXPECT_EQ(read->problems[0].path, "admin.bind");
  EXPECT_EQ(read->problems[0].place.line, 1);
}

TEST(WrittenAdmin, FailsWithoutAFileAndWithoutYaml) {
  const TempFolder folder;
  const auto gone = read_admin(folder.file("gone.yaml"));
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().at(0).to_string().find("gone.yaml:1:1: cannot be read"),
            std::string::npos);
  EXPECT_FALSE(read_admin(folder.write("weir.yaml", "a: [1\n")));
}

}  // namespace
}  // namespace weir::config
