#include "codec/h1/head_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "codec/h1/field_lines.hpp"

namespace weir::codec::h1 {
namespace {

class HeadWriterTest : public testing::Test {
 protected:
  BufferPool pool_;
  HeadWriter out_{pool_};
};

TEST_F(HeadWriterTest, RequestLines) {
  struct Row {
    const char* name;
    const char* method;
    const char* path;
    const char* query;  // null: none
    const char* authority;
    const char* line;
  };
  const Row rows[] = {
      {"a path", "GET", "/a", nullptr, "x", "GET /a HTTP/1.1\r\nHost: x\r\n"},
      {"a query", "GET", "/a", "b=1", "x:81", "GET /a?b=1 HTTP/1.1\r\nHost: x:81\r\n"},
      {"an empty query", "GET", "/a", "", "x", "GET /a? HTTP/1.1\r\nHost: x\r\n"},
      {"the server itself", "OPTIONS", "*", nullptr, "x", "OPTIONS * HTTP/1.1\r\nHost: x\r\n"},
      {"a method of its own", "PURGE", "/", nullptr, "[::1]",
       "PURGE / HTTP/1.1\r\nHost: [::1]\r\n"},
      {"no host", "GET", "/", nullptr, "", "GET / HTTP/1.1\r\nHost: \r\n"},
  };
  for (const Row& row : rows) {
    RequestHead head;
    head.method_text = row.method;
    head.path = row.path;
    head.has_query = row.query != nullptr;
    if (row.query != nullptr) head.query = row.query;
    head.authority = row.authority;
    HeadWriter out(pool_);
    write_request_line(out, head);
    EXPECT_EQ(out.text(), row.line) << row.name;
  }
}

TEST_F(HeadWriterTest, StatusLines) {
  struct Row {
    int status;
    const char* phrase;
    const char* line;
  };
  const Row rows[] = {
      {200, "", "HTTP/1.1 200 OK\r\n"},
      {200, "OK", "HTTP/1.1 200 OK\r\n"},
      {200, "Fine", "HTTP/1.1 200 Fine\r\n"},
      {404, "", "HTTP/1.1 404 Not Found\r\n"},
      {404, "Nowhere", "HTTP/1.1 404 Nowhere\r\n"},
      {299, "", "HTTP/1.1 299 \r\n"},
      {101, "", "HTTP/1.1 101 Switching Protocols\r\n"},
  };
  for (const Row& row : rows) {
    HeadWriter out(pool_);
    write_status_line(out, row.status, row.phrase);
    EXPECT_EQ(out.text(), row.line);
  }
}

TEST_F(HeadWriterTest, FieldsKeepOrderAndCaseLessThoseOfTheFraming) {
  HeaderMap headers;
  headers.add("X-B", "2");
  headers.add("Content-Length", "5");
  headers.add("x-a", "1");
  headers.add("TRANSFER-ENCODING", "chunked");
  headers.add("Connection", "close");
  headers.add("host", "elsewhere");
  headers.add("X-B", "");
  out_.fields(headers);
  EXPECT_EQ(out_.text(), "X-B: 2\r\nx-a: 1\r\nX-B: \r\n");
}

TEST_F(HeadWriterTest, FieldsThatCameAreWrittenAsOneSpellsThem) {
  const std::string_view wire =
      "A-Name: one\r\nB:two\r\nConnection: keep-alive\r\nC: \t three \r\nEmpty:\r\nBlank: \r\n"
      "Gone: x\r\nDate: now\r\nServer: origin of a rather long name, longer than a block\r\n\r\n";
  HeadProgress at;
  const FieldRules rules{.header_size = 4096, .header_count = 100};
  HeaderMap headers;
  ASSERT_TRUE(read_field_lines(wire, rules, at, headers).value());
  headers.remove("gone");
  headers.set("date", "then");
  headers.add("Last", "own");
  HeadWriter out(pool_);
  out.fields(headers);
  EXPECT_EQ(out.text(),
            "A-Name: one\r\nB: two\r\nC: three\r\nEmpty: \r\nBlank: \r\ndate: then\r\n"
            "Server: origin of a rather long name, longer than a block\r\nLast: own\r\n");
}

TEST_F(HeadWriterTest, Numbers) {
  out_.append(std::uint64_t{0});
  out_.append(" ");
  out_.append(UINT64_MAX);
  EXPECT_EQ(out_.text(), "0 18446744073709551615");
}

TEST_F(HeadWriterTest, GrowsPastEachBlock) {
  std::string expected;
  const std::string value(1000, 'v');
  for (int i = 0; i < 300; ++i) {
    const std::string name = "x-" + std::to_string(i);
    out_.field(name, value);
    expected += name + ": " + value + "\r\n";
  }
  const std::string much(500'000, 'm');
  out_.append(much);
  out_.field("last", much);
  expected += much + "last: " + much + "\r\n";
  EXPECT_EQ(out_.text(), expected);
}

TEST_F(HeadWriterTest, FillsABlockToItsLastByte) {
  const std::string filling(BufferPool::small_size - 8, 'f');
  out_.append(filling);
  out_.field("ab", "cd");
  EXPECT_EQ(out_.text(), filling + "ab: cd\r\n");
  out_.append("x");
  EXPECT_EQ(out_.text(), filling + "ab: cd\r\nx");
}

}  // namespace
}  // namespace weir::codec::h1
