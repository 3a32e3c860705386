#include "tracing/protobuf.hpp"

#include <gtest/gtest.h>

#include "tracing/attributes.hpp"
#include "tracing/export_reply.hpp"

namespace weir::tracing {
namespace {

using namespace std::chrono_literals;

TEST(ProtoWriter, ScalarsAreAsTheFormatHasThem) {
  std::string out;
  ProtoWriter writer(out);
  writer.varint(1, 300);
  writer.fixed64(7, 0x0102030405060708);
  writer.fixed32(16, 0x01020304);
  writer.bytes(5, "ab");
  writer.id(2, 0x0102030405060708);
  EXPECT_EQ(out, std::string("\x08\xac\x02"
                             "\x39\x08\x07\x06\x05\x04\x03\x02\x01"
                             "\x85\x01\x04\x03\x02\x01"
                             "\x2a\x02"
                             "ab"
                             "\x12\x08\x01\x02\x03\x04\x05\x06\x07\x08"));
}

TEST(ProtoWriter, LengthsOfMessagesAreAsShortAsTheyCanBe) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16383U, 16384U, 3'000'000U}) {
    std::string out = "x";
    ProtoWriter writer(out);
    const std::size_t at = writer.open(2);
    out.append(size, 'y');
    writer.close(at);
    const std::size_t length = ProtoWriter::varint_size(size);
    ASSERT_EQ(out.size(), 2 + length + size) << size;
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < length; ++i) {
      read |= static_cast<std::uint64_t>(static_cast<unsigned char>(out[2 + i]) & 0x7F) << (7 * i);
    }
    EXPECT_EQ(read, size);
    EXPECT_EQ(out.substr(2 + length), std::string(size, 'y'));
  }
}

TEST(Attributes, TextsAreSentAsUtf8) {
  struct Row {
    std::string_view text;
    std::string_view sent;
  };
  const std::string longer(2000, 'x');
  const std::string_view whole = std::string_view(longer).substr(0, 1024);
  // The last byte that has room is the first of two.
  std::string cut(1023, 'x');
  cut += "\xc3\xbc";
  for (const Row& row : {Row{"plain", "plain"}, Row{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
                         Row{"a\xff\xc3", "a??"}, Row{longer, whole},
                         Row{cut, std::string_view(cut).substr(0, 1023)}}) {
    std::string out;
    append_utf8(out, row.text);
    EXPECT_EQ(out, row.sent);
  }
}

TEST(Attributes, AreKeyValues) {
  std::string out;
  ProtoWriter writer(out);
  Attributes attributes(writer, 9);
  attributes.add("k", std::string_view("v"));
  attributes.add("l", "w");  // a literal is a text, too
  attributes.add("n", std::int64_t{5});
  attributes.add("b", true);
  EXPECT_EQ(out, std::string("\x4a\x08\x0a\x01k\x12\x03\x0a\x01v"
                             "\x4a\x08\x0a\x01l\x12\x03\x0a\x01w"
                             "\x4a\x07\x0a\x01n\x12\x02\x18\x05"
                             "\x4a\x07\x0a\x01"
                             "b\x12\x02\x10\x01"));
}

TEST(ExportReply, Rows) {
  EXPECT_EQ(parse_export_reply("").rejected, 0u);
  const std::string partial("\x0a\x07\x08\x05\x12\x03why", 9);
  EXPECT_EQ(parse_export_reply(partial).rejected, 5u);
  EXPECT_EQ(parse_export_reply(partial).message, "why");
  // Cut anywhere it is read as far as it goes, or not at all.
  for (std::size_t size = 0; size < partial.size(); ++size) {
    EXPECT_LE(parse_export_reply(partial.substr(0, size)).rejected, 5u);
  }
  EXPECT_EQ(
      parse_export_reply(std::string("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13))
          .rejected,
      0u);  // minus one
  EXPECT_EQ(parse_export_reply("{\"partialSuccess\":{}}").rejected, 0u);
}

TEST(ExportReply, PausesGrow) {
  EXPECT_EQ(export_pause(2, 0), 500ms);
  EXPECT_EQ(export_pause(3, 0), 1s);
  EXPECT_EQ(export_pause(7, 0), 15s);
  EXPECT_EQ(export_pause(1000, 0), 15s);
  EXPECT_LE(export_pause(2, UINT64_MAX), 1s);
  EXPECT_GT(export_pause(2, UINT64_MAX), 990ms);
  for (const long status : {429, 502, 503, 504}) EXPECT_TRUE(is_retryable(status));
  for (const long status : {400, 401, 404, 413, 500, 501}) EXPECT_FALSE(is_retryable(status));
}

}  // namespace
}  // namespace weir::tracing
