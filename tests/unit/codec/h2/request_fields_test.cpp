#include "codec/h2/request_fields.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::codec::h2 {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Read {
  RequestHead head;
  std::optional<HeadFault> fault;
};

Read read(const Pairs& fields, bool ended = true, const config::Limits& limits = {}) {
  Read out;
  RequestFields request(limits, out.head);
  for (const auto& [name, value] : fields) request.field(name, value);
  out.fault = request.finish(ended, Scheme::http);
  return out;
}

Pairs get(const Pairs& more = {}) {
  Pairs out{
      {":method", "GET"}, {":scheme", "http"}, {":authority", "A.test:80"}, {":path", "/x?y"}};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

TEST(RequestFieldsTest, TheHeadIsAsOfHttp1) {
  const Read got = read(get({{"accept", "*/*"}, {"te", "trailers"}}));
  ASSERT_FALSE(got.fault);
  EXPECT_EQ(got.head.version, Version::http2);
  EXPECT_EQ(got.head.method, Method::get);
  EXPECT_EQ(got.head.authority, "A.test:80");
  EXPECT_EQ(got.head.host, "a.test");
  EXPECT_EQ(got.head.target, "/x?y");
  EXPECT_EQ(got.head.path, "/x");
  EXPECT_EQ(got.head.query, "y");
  EXPECT_TRUE(got.head.te_trailers);
  EXPECT_EQ(got.head.framing, Framing::none);
  EXPECT_EQ(got.head.headers.get(FieldId::host), "A.test:80");
}

TEST(RequestFieldsTest, CrumbsBecomeOneCookie) {
  const Read got = read(get({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}}));
  ASSERT_FALSE(got.fault);
  EXPECT_EQ(got.head.headers.count(FieldId::cookie), 1u);
  EXPECT_EQ(got.head.headers.get(FieldId::cookie), "a=1; b=2");
  const Read empty = read(get({{"cookie", ""}, {"cookie", "a=1"}, {"cookie", ""}}));
  EXPECT_EQ(empty.head.headers.get(FieldId::cookie), "a=1");
}

TEST(RequestFieldsTest, WhereContentEnds) {
  Pairs post = get();
  post[0].second = "POST";
  EXPECT_EQ(read(post).head.framing, Framing::length);  // of nothing, and says so
  EXPECT_EQ(read(post, false).head.framing, Framing::chunked);
  post.emplace_back("content-length", "12");
  const Read announced = read(post, false);
  EXPECT_EQ(announced.head.framing, Framing::length);
  EXPECT_EQ(announced.head.content_length, 12u);
  EXPECT_TRUE(read(post).fault->malformed);
}

TEST(RequestFieldsTest, WhatIsRefusedButNotMalformed) {
  config::Limits limits;
  limits.uri_size = 10;
  limits.header_size = 400;
  limits.header_count = 3;
  struct Row {
    const char* name;
    Pairs more;
    const char* path;
    Reason reason;
  };
  const Row rows[] = {
      {"path too long", {}, "/0123456789", Reason::uri_too_long},
      {"space in the path", {}, "/a b", Reason::bad_request},
      {"fields too large", {{"x", std::string(300, 'y')}}, "/", Reason::headers_too_large},
      {"too many", {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}, "/", Reason::headers_too_large},
      {"underscore", {{"x_y", "1"}}, "/", Reason::bad_request},
      {"expectation", {{"expect", "x"}}, "/", Reason::expectation_failed},
      {"two Authorizations",
       {{"authorization", "Basic a"}, {"authorization", "Basic a"}},
       "/",
       Reason::bad_request},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Pairs fields = get(row.more);
    fields[3].second = row.path;
    const Read got = read(fields, true, limits);
    ASSERT_TRUE(got.fault);
    EXPECT_FALSE(got.fault->malformed);
    EXPECT_EQ(got.fault->reason, row.reason);
  }
}

TEST(RequestFieldsTest, MalformedWinsOverRefused) {
  const Read got = read(get({{"x_y", "1"}, {"Upper", "1"}}));
  ASSERT_TRUE(got.fault);
  EXPECT_TRUE(got.fault->malformed);
}

TEST(RequestFieldsTest, ExtendedConnectLooksLikeAHandshake) {
  const Pairs fields{{":method", "CONNECT"},
                     {":protocol", "websocket"},
                     {":scheme", "http"},
                     {":authority", "a"},
                     {":path", "/ws"},
                     {"sec-websocket-version", "13"},
                     {"sec-websocket-key", "theirs"}};
  const Read got = read(fields, false);
  ASSERT_FALSE(got.fault);
  EXPECT_TRUE(got.head.upgrade_websocket);
  EXPECT_EQ(got.head.method_text, "GET");
  EXPECT_EQ(got.head.framing, Framing::none);
  EXPECT_EQ(got.head.headers.count(FieldId::sec_websocket_key), 1u);
  EXPECT_EQ(got.head.headers.get(FieldId::sec_websocket_key)->size(), 24u);
}

}  // namespace
}  // namespace weir::codec::h2
