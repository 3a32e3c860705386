#include "provider/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "provider/known_document.hpp"
#include "support/temp_folder.hpp"

namespace weir::provider {
namespace {

using testing_support::TempFolder;

InForce in_force(const std::string& name, const std::string& version, const std::string& text) {
  auto document = std::make_shared<const Document>(Document{name, version, text});
  return {"etcd", name, std::make_shared<const KnownDocument>("etcd", document)};
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(StateFile, ReadsWhatItWrites) {
  std::vector<InForce> documents{in_force("b", "7", "routes: []\n"),
                                 in_force("a/\"b\"", "8", "text: \"\xC3\xA4\\\"\n")};
  documents[1].only.emplace();
  documents[1].only->upstreams = {"x", "y"};
  documents[1].only->middleware = {"m"};
  const auto read = parse_state(state_text("etcd", "/weir/", documents), "etcd", "/weir/");
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*read)[i].provider, "etcd");
    EXPECT_EQ((*read)[i].name, documents[i].name);
    EXPECT_EQ((*read)[i].document->document().version, documents[i].document->document().version);
    EXPECT_EQ((*read)[i].document->document().text, documents[i].document->document().text);
    EXPECT_EQ((*read)[i].only, documents[i].only);
  }
  EXPECT_EQ(read->front().document->place(), "etcd:b");
}

TEST(StateFile, HasTheDocumentsOfOneProvider) {
  InForce other = in_force("c", "1", "");
  other.provider = "other";
  const auto read =
      parse_state(state_text("etcd", "/weir/", {other, in_force("a", "1", "")}), "etcd", "/weir/");
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().name, "a");
}

TEST(StateFile, IsNotReadForAnother) {
  const std::string text = state_text("etcd", "/weir/", {in_force("a", "1", "")});
  EXPECT_TRUE(parse_state(text, "etcd", "/weir/"));
  EXPECT_FALSE(parse_state(text, "etcd", "/other/"));
  EXPECT_FALSE(parse_state(text, "other", "/weir/"));
}

TEST(StateFile, WhatIsNoneIsRefused) {
  const std::string begin = R"({"format":1,"provider":"etcd","origin":"/weir/","documents":)";
  EXPECT_TRUE(parse_state(begin + "[]}", "etcd", "/weir/"));
  for (const std::string& wrong : std::vector<std::string>{
           "", "[]", "{", begin, begin + "{}}", begin + "[1]}", begin + R"([{"name":"a"}]})",
           begin + R"([{"name":"","version":"1","text":""}]})",
           begin + R"([{"name":"a","version":1,"text":""}]})",
           begin + R"([{"name":"a","version":"1","text":"","only":[]}]})",
           begin + R"([{"name":"a","version":"1","text":"","only":{"upstreams":[]}}]})",
           begin + R"([{"name":"a","version":"1","text":"","only":)" +
               R"({"upstreams":[1],"middleware":[]}}]})",
           R"({"format":2,"provider":"etcd","origin":"/weir/","documents":[]})",
           R"({"provider":"etcd","origin":"/weir/","documents":[]})"}) {
    EXPECT_FALSE(parse_state(wrong, "etcd", "/weir/")) << wrong;
  }
}

TEST(StateFile, IsReplacedAtOnceAndForItsOwner) {
  const TempFolder folder;
  const std::string path = folder.file("made/for/it/state.json");
  EXPECT_EQ(write_state(path, "one"), "");
  EXPECT_EQ(read_state(path), "one");
  struct stat before{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  EXPECT_EQ(before.st_mode & 0777, 0600U);
  // Left over from a process that was killed, with other rights.
  std::ofstream(path + ".new") << "more than what comes";
  std::filesystem::permissions(path + ".new", std::filesystem::perms::all);
  EXPECT_EQ(write_state(path, "two"), "");
  EXPECT_EQ(content(path), "two");
  struct stat after{};
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 0777, 0600U);
  EXPECT_NE(after.st_ino, before.st_ino);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(StateFile, ALinkThatSomebodyPutThereIsNotFollowed) {
  const TempFolder folder;
  const std::string path = folder.file("state.json");
  const std::string victim = folder.write("victim", "untouched");
  std::filesystem::create_symlink(victim, path + ".new");
  EXPECT_NE(write_state(path, "one"), "");
  EXPECT_EQ(content(victim), "untouched");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(StateFile, WhatTheSystemSaysIsTold) {
  const TempFolder folder;
  const std::string file = folder.write("file", "");
  EXPECT_EQ(write_state(file + "/state.json", "one"), "Not a directory");
  EXPECT_EQ(read_state(folder.file("none")), "");
  EXPECT_EQ(read_state(folder.path()).error(), "Is a directory");
}

}  // namespace
}  // namespace weir::provider
