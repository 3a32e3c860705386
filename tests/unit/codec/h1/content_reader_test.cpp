#include "codec/h1/content_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/h1/wire.hpp"

namespace weir::codec::h1 {
namespace {

// What a reader made of bytes that came in the given portions.
struct Reading {
  std::string content;
  std::string rest;  // left in the input
  bool ended = false;
  bool failed = false;
};

Reading read_in(Framing framing, std::uint64_t length, const std::vector<std::string>& portions,
                bool end = false) {
  Reading out;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    auto [near, far] = net::socket_pair();
    net::Stream stream(loop, near.release());
    Input input(stream);
    ContentReader reader(framing, length);
    const auto take_all = [&] {
      for (Bytes piece = reader.take(input); !piece.empty(); piece = reader.take(input)) {
        out.content += as_text(piece);
      }
    };
    take_all();
    for (const std::string& portion : portions) {
      EXPECT_TRUE(far.send(portion));
      EXPECT_EQ(co_await stream.wait_readable(loop.now() + 5s), net::Io::ok);
      EXPECT_EQ(input.fill(), net::Io::ok);
      take_all();
    }
    out.ended = end ? reader.end_of_input() : reader.ended();
    out.failed = reader.failed();
    out.rest = input.bytes();
  });
  return out;
}

TEST(ContentReader, TakesWhatTheFramingSays) {
  struct Row {
    const char* name;
    Framing framing;
    std::uint64_t length;
    std::string wire;
    std::string content;
    std::string rest;
    bool ended;
  };
  const Row rows[] = {
      {"none", Framing::none, 0, "GET ", "", "GET ", true},
      {"a length", Framing::length, 5, "hello", "hello", "", true},
      {"a length of zero", Framing::length, 0, "GET ", "", "GET ", true},
      {"a length and the next message", Framing::length, 5, "helloGET ", "hello", "GET ", true},
      {"a length, not all of it", Framing::length, 5, "hell", "hell", "", false},
      {"a length beyond 32 bits", Framing::length, 1ULL << 40, "hell", "hell", "", false},
      {"until close", Framing::until_close, 0, "hello", "hello", "", false},
      {"chunks", Framing::chunked, 0, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", "",
       true},
      {"chunks and the next message", Framing::chunked, 0, "5\r\nhello\r\n0\r\n\r\nGET ", "hello",
       "GET ", true},
      {"chunks, no last one", Framing::chunked, 0, "5\r\nhello\r\n", "hello", "", false},
      {"chunks, the last one not ended", Framing::chunked, 0, "5\r\nhello\r\n0\r\n", "hello", "",
       false},
      {"no chunk but the last", Framing::chunked, 0, "0\r\n\r\n", "", "", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Reading whole = read_in(row.framing, row.length, {row.wire});
    EXPECT_EQ(whole.content, row.content);
    EXPECT_EQ(whole.rest, row.rest);
    EXPECT_EQ(whole.ended, row.ended);
    EXPECT_FALSE(whole.failed);

    std::vector<std::string> bytes;
    for (const char one : row.wire) bytes.emplace_back(1, one);
    const Reading drop_by_drop = read_in(row.framing, row.length, bytes);
    EXPECT_EQ(drop_by_drop.content, row.content);
    EXPECT_EQ(drop_by_drop.rest, row.rest);
    EXPECT_EQ(drop_by_drop.ended, row.ended);
  }
}

TEST(ContentReader, OnlyUntilCloseEndsWithTheConnection) {
  struct Row {
    const char* name;
    Framing framing;
    const char* wire;
    bool ended;
  };
  const Row rows[] = {
      {"until close", Framing::until_close, "hello", true},
      {"a length that is short", Framing::length, "hello", false},
      {"chunks without the last", Framing::chunked, "5\r\nhello\r\n", false},
      {"chunks within one", Framing::chunked, "9\r\nhello", false},
      {"chunks with the last", Framing::chunked, "5\r\nhello\r\n0\r\n\r\n", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(read_in(row.framing, 9, {row.wire}, true).ended, row.ended) << row.name;
  }
}

TEST(ContentReader, ABrokenChunkFailsBehindWhatWasGood) {
  for (const char* wire : {"5\r\nhello\r\nx\r\n", "5\r\nhelloX\r\n", "5\r\nhello\r\n-1\r\n"}) {
    const Reading got = read_in(Framing::chunked, 0, {wire});
    EXPECT_EQ(got.content, "hello") << wire;
    EXPECT_TRUE(got.failed) << wire;
    EXPECT_FALSE(got.ended) << wire;
  }
}

TEST(ContentReader, SaysTheLengthOnlyWhereItWasSaid) {
  EXPECT_EQ(ContentReader(Framing::length, 7).length(), 7u);
  EXPECT_EQ(ContentReader(Framing::chunked, 0).length(), std::nullopt);
  EXPECT_EQ(ContentReader(Framing::until_close, 0).length(), std::nullopt);
  EXPECT_EQ(ContentReader().length(), std::nullopt);
  EXPECT_TRUE(ContentReader().ended());
}

}  // namespace
}  // namespace weir::codec::h1
