#include "weir/http/url_path.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weir {
namespace {

std::string normal(std::string_view path, bool keep_empty = false) {
  Arena arena;
  const auto result = normalise_path(path, keep_empty, arena);
  return result ? std::string(result->path) : "error: " + std::string(result.error());
}

TEST(UrlPath, Normalises) {
  const struct {
    std::string_view name;
    std::string_view path;
    std::string_view normal;
  } rows[] = {
      {"root", "/", "/"},
      {"plain", "/a/b-c_d~e.f", "/a/b-c_d~e.f"},
      {"trailing slash stays", "/a/", "/a/"},
      {"unreserved decoded", "/%61%2D%2e%5F%7e%30/%5a", "/a-._~0/Z"},
      {"hex in upper case", "/caf%c3%a9%2c", "/caf%C3%A9%2C"},
      {"reserved stay encoded", "/%3f%23%20%25%0a%7F", "/%3F%23%20%25%0A%7F"},
      {"decoded once only", "/%252e%252E/%2525", "/%252e%252E/%2525"},
      {"single dots", "/a/./b/.", "/a/b/"},
      {"double dots", "/a/b/../c/..", "/a/"},
      {"back to the root", "/a/..", "/"},
      {"back to the root with more", "/a/../b", "/b"},
      {"encoded dots", "/a/%2e%2E/b/.%2e/c/%2e", "/c/"},
      {"three dots are a name", "/.../..a/.a/a..", "/.../..a/.a/a.."},
      {"well-known", "/.well-known/acme", "/.well-known/acme"},
      {"empty segments merge", "//a///b//", "/a/b/"},
      {"only slashes", "////", "/"},
      {"dots go before empty segments do", "/a//../b", "/a/b"},
      {"an empty segment above the root", "//..", "/"},
      {"browsers send these raw", "/a|[b]{c}^`\"<>!$&'()*+,;=:@", "/a|[b]{c}^`\"<>!$&'()*+,;=:@"},
      {"path parameters", "/a;b=c/;d/a.;b/a..;b", "/a;b=c/;d/a.;b/a..;b"},
      {"encoded slash kept", "/a%2fb%5cc", "/a%2Fb%5Cc"},
      {"encoded slash after dots", "/a/..%2fb", "/a/..%2Fb"},
  };
  for (const auto& row : rows) EXPECT_EQ(normal(row.path), row.normal) << row.name;
}

TEST(UrlPath, KeepsEmptySegmentsWhenTold) {
  const struct {
    std::string_view path;
    std::string_view normal;
  } rows[] = {
      {"//", "//"},         {"/a//b//", "/a//b//"}, {"/a//%2e/b", "/a//b"},
      {"/a//../b", "/a/b"}, {"/.//a", "//a"},
  };
  for (const auto& row : rows) EXPECT_EQ(normal(row.path, true), row.normal) << row.path;
}

TEST(UrlPath, Refuses) {
  const struct {
    std::string_view name;
    std::string_view path;
    std::string_view detail;
  } rows[] = {
      {"empty", "", "the path does not start with '/'"},
      {"no slash", "a/b", "the path does not start with '/'"},
      {"asterisk", "*", "the path does not start with '/'"},
      {"encoded NUL", "/a%00", "%00 in the path"},
      {"short escape", "/a%2", "bad percent escape in the path"},
      {"lone percent", "/a%", "bad percent escape in the path"},
      {"escape without hex", "/%zz", "bad percent escape in the path"},
      {"escape with a sign", "/%+1", "bad percent escape in the path"},
      {"above the root", "/..", "'..' above the root of the path"},
      {"above the root later", "/a/../..", "'..' above the root of the path"},
      {"above the root encoded", "/%2e%2e/a", "'..' above the root of the path"},
      {"dot semicolon", "/a/.;/b", "segment '.;' or '..;' in the path"},
      {"dots semicolon", "/a/..;x=y/b", "segment '.;' or '..;' in the path"},
      {"dots semicolon encoded", "/a/%2e.;/b", "segment '.;' or '..;' in the path"},
      {"semicolon encoded", "/a/..%3b/b", "segment '.;' or '..;' in the path"},
      {"dots semicolon last", "/..;", "segment '.;' or '..;' in the path"},
      {"backslash", "/a\\b", "backslash in the path"},
      {"fragment", "/a#b", "'#' in the path"},
      {"space", "/a b", "space in the path"},
      {"tab", "/a\tb", "control character in the path"},
      {"NUL", std::string_view("/a\0b", 4), "control character in the path"},
      {"DEL", "/a\x7f", "byte above 7E in the path"},
      {"UTF-8", "/caf\xc3\xa9", "byte above 7E in the path"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(normal(row.path), "error: " + std::string(row.detail)) << row.name;
    EXPECT_EQ(normal(row.path, true), "error: " + std::string(row.detail)) << row.name;
  }
}

TEST(UrlPath, EveryRawByteIsAcceptedOrRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string path = std::string("/a") + static_cast<char>(byte) + "b";
    const bool passes = byte > 0x20 && byte < 0x7F && byte != '\\' && byte != '#' && byte != '%';
    EXPECT_EQ(!normal(path).starts_with("error"), passes) << byte;
  }
}

TEST(UrlPath, TellsOfEncodedSlashes) {
  const struct {
    std::string_view path;
    bool encoded_slash;
  } rows[] = {
      {"/a/b", false}, {"/a%2Fb", true},   {"/a%2fb", true},  {"/a%5C", true},
      {"/a%5c", true}, {"/a%252F", false}, {"/a%20b", false}, {"/a%2Fb/../c", false},
  };
  for (const auto& row : rows) {
    Arena arena;
    EXPECT_EQ(normalise_path(row.path, false, arena)->encoded_slash, row.encoded_slash) << row.path;
  }
}

TEST(UrlPath, ReturnsItsInputWhenThatIsNormal) {
  for (const std::string_view path : {"/", "/a/b/", "/a%20b", "/.a/..b"}) {
    Arena arena;
    EXPECT_EQ(normalise_path(path, false, arena)->path.data(), path.data()) << path;
  }
}

TEST(UrlPath, TellsOfPathParameters) {
  const struct {
    std::string_view path;
    bool parameters;
  } rows[] = {
      {"/a/b", false}, {"/a;b", true},      {"/a%3Bb", true},     {"/a%3bb", true},
      {"/;", true},    {"/a%253Bb", false}, {"/a;b/../c", false}, {"/%61;", true},
  };
  for (const auto& row : rows) {
    Arena arena;
    EXPECT_EQ(normalise_path(row.path, false, arena)->parameters, row.parameters) << row.path;
  }
}

TEST(UrlPath, RoutesSeeNoPathParameters) {
  const struct {
    std::string_view path;
    bool keep_empty;
    std::string_view bare;
    std::string_view full;
  } rows[] = {
      {"/a;b/c", false, "/a/c", "/a;b/c"},
      {"/a%3Bb/c;", false, "/a/c", "/a;b/c;"},
      {"/a;b%3Bc;d", false, "/a", "/a;b;c;d"},
      {"/;a/b/%3B/c", false, "/b/c", "/b/c"},
      {"/;a//b/%3B/c", true, "///b//c", "/;a//b/;/c"},
      {"/b/;a", false, "/b/", "/b/;a"},
      {"/;a", false, "/", "/;a"},
      {"/;a/", false, "/", "/"},
  };
  for (const auto& row : rows) {
    Arena arena;
    const MatchedPath matched = matched_path(row.path, row.keep_empty, arena);
    EXPECT_EQ(matched.bare, row.bare) << row.path;
    EXPECT_EQ(matched.full, row.full) << row.path;
  }
}

TEST(UrlPath, TwiceIsOnce) {
  constexpr std::string_view pieces[] = {"/", "/",   ".",   "..",  "%2e", "%2E%2e", "a",  "%61",
                                         ";", "%3b", "%2f", "%25", "2e",  "{x}",    "%c3"};
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string path = "/";
    for (auto i = random() % 10; i > 0; --i) path += pieces[random() % std::size(pieces)];
    for (const bool keep_empty : {false, true}) {
      const std::string once = normal(path, keep_empty);
      if (once.starts_with("error")) continue;
      EXPECT_EQ(normal(once, keep_empty), once) << path;
      EXPECT_EQ((once + "/").find("/../"), std::string::npos) << path;
      EXPECT_EQ((once + "/").find("/./"), std::string::npos) << path;
    }
  }
}

TEST(PercentDecode, LeavesBadEscapes) {
  const struct {
    std::string_view text;
    std::string_view decoded;
  } rows[] = {
      {"", ""},           {"a%20b", "a b"}, {"%c3%A9", "\xc3\xa9"},
      {"a+b", "a+b"},     {"%", "%"},       {"%2", "%2"},
      {"%zz%41", "%zzA"}, {"%2541", "%41"}, {"%00", std::string_view("\0", 1)},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(percent_decode(row.text), row.decoded) << row.text;
    EXPECT_TRUE(decodes_to(row.text, row.decoded)) << row.text;
    EXPECT_FALSE(decodes_to(row.text, std::string(row.decoded) + "x")) << row.text;
    EXPECT_FALSE(decodes_to(std::string(row.text) + "x", row.decoded)) << row.text;
  }
}

TEST(QueryValue, IsTheFirst) {
  const struct {
    std::string_view query;
    std::string_view name;
    std::optional<std::string_view> value;
  } rows[] = {
      {"", "a", std::nullopt},
      {"a=1", "a", "1"},
      {"a=1&a=2", "a", "1"},
      {"b=2&a=1", "a", "1"},
      {"a", "a", ""},
      {"a&b=1", "b", "1"},
      {"a=", "a", ""},
      {"a=b=c", "a", "b=c"},
      {"aa=1", "a", std::nullopt},
      {"A=1", "a", std::nullopt},
      {"%61=%31", "a", "%31"},
      {"a+b=1", "a b", std::nullopt},
      {"x=1;a=2", "a", std::nullopt},
      {"x=1;a=2", "x", "1;a=2"},
      {"&&a=1", "a", "1"},
      {"&&", "", std::nullopt},
      {"=1", "", "1"},
  };
  for (const auto& row : rows) EXPECT_EQ(query_value(row.query, row.name), row.value) << row.query;
}

TEST(UrlPath, EncodedSlashesAreDecoded) {
  Arena arena;
  EXPECT_EQ(decode_slashes("/a%2Fb%5Cc%2", arena), "/a/b/c%2");
  EXPECT_EQ(decode_slashes("/%2F%252F%2f", arena), "//%252F%2f")
      << "a path in normal form has no lower case";
}

}  // namespace
}  // namespace weir
