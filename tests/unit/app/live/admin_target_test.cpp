#include "app/live/admin_target.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "support/temp_folder.hpp"

namespace weir::app {
namespace {

using testing_support::TempFolder;

class AdminTargetTest : public testing::Test {
 protected:
  AdminTargetTest() {
    if (const char* set = std::getenv("WEIR_ADMIN_TOKEN")) before_ = set;
    ::unsetenv("WEIR_ADMIN_TOKEN");
  }
  ~AdminTargetTest() override {
    ::unsetenv("WEIR_ADMIN_TOKEN");
    if (before_) ::setenv("WEIR_ADMIN_TOKEN", before_->c_str(), 1);
  }

  std::string config(std::string_view text) { return folder_.write("weir.yaml", text); }

  TempFolder folder_;

 private:
  std::optional<std::string> before_;
};

TEST_F(AdminTargetTest, TheOptionCounts) {
  for (const char* address :
       {"127.0.0.1:9", "[::1]:9", "unix:/run/weir.sock", "gw.internal:9901", "localhost:9901"}) {
    const auto found = find_admin({.admin = address, .config = {}, .token_file = {}});
    ASSERT_TRUE(found) << address;
    EXPECT_EQ(found->address, address);
    EXPECT_EQ(found->from, "--admin");
    EXPECT_EQ(found->token, "");
  }
  for (const char* wrong : {"9901", ":9901", "127.0.0.1", "127.0.0.1:0", "http://127.0.0.1:9901",
                            "unix:", "/run/weir.sock", "a b:1", "host:99999", "host\r\nX:1"}) {
    const auto found = find_admin({.admin = wrong, .config = {}, .token_file = {}});
    ASSERT_FALSE(found) << wrong;
    EXPECT_EQ(found.error().exit_code, 2) << wrong;
  }
}

TEST_F(AdminTargetTest, TheConfigurationSaysWhere) {
  struct Row {
    const char* bind;
    const char* asked;  // null: it cannot be
  };
  const Row rows[]{
      {"127.0.0.1:7", "127.0.0.1:7"},
      {"0.0.0.0:7", "127.0.0.1:7"},
      {"[::]:7", "[::1]:7"},
      {"10.0.0.1:7", "10.0.0.1:7"},
      {"unix:/a", "unix:/a"},
      {"127.0.0.1:0", nullptr},
      {"off", nullptr},
  };
  for (const Row& row : rows) {
    const std::string file = config("admin: {bind: \"" + std::string(row.bind) + "\"}\n");
    const auto found = find_admin({.admin = {}, .config = file, .token_file = {}});
    ASSERT_EQ(found.has_value(), row.asked != nullptr) << row.bind;
    if (found) {
      EXPECT_EQ(found->address, row.asked);
      EXPECT_EQ(found->from, file);
    } else {
      EXPECT_EQ(found.error().exit_code, 1);
      EXPECT_NE(found.error().line.find("--admin ADDRESS"), std::string::npos);
    }
  }
}

TEST_F(AdminTargetTest, AConfigurationThatWasNamedMustBeThere) {
  const auto gone = find_admin({.admin = {}, .config = folder_.file("gone"), .token_file = {}});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().exit_code, 1);
  const auto wrong =
      find_admin({.admin = {}, .config = config("admin: {bind: x}\n"), .token_file = {}});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().line.find("weir.yaml:1:15: admin.bind"), std::string::npos)
      << wrong.error().line;
}

TEST_F(AdminTargetTest, TokensInTheirOrder) {
  folder_.write("token", "of-the-configuration\n");
  const std::string file = config("admin: {bind: \"127.0.0.1:7\", token_file: token}\n");
  AdminOptions options{.admin = {}, .config = file, .token_file = {}};
  EXPECT_EQ(find_admin(options).value().token, "of-the-configuration");
  ::setenv("WEIR_ADMIN_TOKEN", "of-the-environment", 1);
  EXPECT_EQ(find_admin(options).value().token, "of-the-environment");
  EXPECT_EQ(find_admin(options).value().token_from, "WEIR_ADMIN_TOKEN");
  options.token_file = folder_.write("mine", "mine");
  EXPECT_EQ(find_admin(options).value().token, "mine");
}

TEST_F(AdminTargetTest, AConfigurationsTokenGoesWithAnAddressOnlyTogether) {
  folder_.write("token", "secret\n");
  const std::string file = config("admin: {bind: \"127.0.0.1:7\", token_file: token}\n");
  EXPECT_EQ(find_admin({.admin = "127.0.0.1:9", .config = file, .token_file = {}}).value().token,
            "secret");
  EXPECT_EQ(find_admin({.admin = "127.0.0.1:9", .config = {}, .token_file = {}}).value().token, "");
}

TEST_F(AdminTargetTest, ATokenOfTheConfigurationMayBeOutOfReach) {
  const auto found =
      find_admin({.admin = {}, .config = config("admin: {token_file: gone}\n"), .token_file = {}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->token, "");
  EXPECT_NE(found->token_from.find("admin.token_file: cannot read 'gone'"), std::string::npos)
      << found->token_from;
}

TEST_F(AdminTargetTest, WhatIsNoTokenIsRefused) {
  AdminOptions options{.admin = "127.0.0.1:9", .config = {}, .token_file = {}};
  for (const char* text : {"", "\n", "two words", "a\nb", "a\r\n", "\x01"}) {
    options.token_file = folder_.write("token", text);
    EXPECT_FALSE(find_admin(options)) << text;
  }
  options.token_file = folder_.file("gone");
  EXPECT_FALSE(find_admin(options));
  options.token_file = folder_.path();
  EXPECT_FALSE(find_admin(options));
  options.token_file = "";
  ::setenv("WEIR_ADMIN_TOKEN", "a\r\nX-Y: z", 1);
  EXPECT_FALSE(find_admin(options));
}

}  // namespace
}  // namespace weir::app
