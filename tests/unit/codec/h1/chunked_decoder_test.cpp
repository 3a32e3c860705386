#include "codec/h1/chunked_decoder.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::codec::h1 {
namespace {

using namespace std::string_literals;

struct Decoded {
  std::string outcome;  // "done", "more" or "bad"
  std::string data;
  std::size_t consumed = 0;
  HeaderMap trailers;
  config::Lenient forgiven{};
};

// Offers `bytes` as they would arrive `piece` at a time, what was not consumed again each time.
Decoded decode(std::string_view bytes, std::size_t piece = std::string_view::npos,
               config::Lenient lenient = {}) {
  Decoded out;
  ChunkedDecoder decoder(Underscores::drop, lenient);
  std::size_t arrived = 0;
  while (true) {
    arrived = piece > bytes.size() - arrived ? bytes.size() : arrived + piece;
    while (!decoder.done()) {
      const std::string seen(bytes.substr(out.consumed, arrived - out.consumed));
      const auto step = decoder.next(seen);
      if (!step) {
        out.outcome = "bad";
        return out;
      }
      out.consumed += step->consumed;
      out.data += step->data;
      if (step->consumed == 0) break;
    }
    if (decoder.done() || arrived == bytes.size()) break;
  }
  out.outcome = decoder.done() ? "done" : "more";
  out.trailers = std::move(decoder.trailers());
  out.forgiven = decoder.forgiven();
  return out;
}

struct ChunkRow {
  std::string name;
  std::string bytes;
  std::string outcome;
  std::string data = "";
};

void check_chunks(const std::vector<ChunkRow>& rows, config::Lenient lenient = {}) {
  for (const ChunkRow& row : rows) {
    for (const std::size_t piece : {std::string_view::npos, std::size_t{1}, std::size_t{3}}) {
      const Decoded decoded = decode(row.bytes, piece, lenient);
      EXPECT_EQ(decoded.outcome, row.outcome) << row.name << ", " << piece;
      if (row.outcome == "bad") continue;
      EXPECT_EQ(decoded.data, row.data) << row.name << ", " << piece;
    }
  }
}

TEST(ChunkedDecoder, Chunks) {
  check_chunks({
      {"empty", "0\r\n\r\n", "done"},
      {"one", "5\r\nhello\r\n0\r\n\r\n", "done", "hello"},
      {"several", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "done", "abc"},
      {"hex in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "done",
       "01234567890123456789"},
      {"leading zeros", "0000000000000001\r\na\r\n000\r\n\r\n", "done", "a"},
      {"data that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "done", "\r\n0\r\n\r\n"},
      {"cut in size", "1", "more"},
      {"cut in data", "5\r\nhe", "more", "he"},
      {"cut after data", "5\r\nhello", "more", "hello"},
      {"cut before the end", "5\r\nhello\r\n0\r\n", "more", "hello"},
      {"largest size", "7fffffffffffffff\r\nabc", "more", "abc"},
      {"too large a size", "8000000000000000\r\nabc", "bad"},
      {"all digits", "ffffffffffffffff\r\nabc", "bad"},
      {"17 digits", "00000000000000001\r\na\r\n0\r\n\r\n", "bad"},
      {"no size", "\r\n", "bad"},
      {"space before", " 5\r\nhello\r\n", "bad"},
      {"space after", "5 \r\nhello\r\n", "bad"},
      {"tab after", "5\t\r\nhello\r\n", "bad"},
      {"prefix", "0x5\r\nhello\r\n", "bad"},
      {"sign", "+5\r\nhello\r\n", "bad"},
      {"no digit", "g\r\n", "bad"},
      {"bare LF after size", "5\nhello\r\n", "bad"},
      {"bare CR after size", "5\rhello\r\n", "bad"},
      {"bare LF after data", "5\r\nhello\n0\r\n\r\n", "bad"},
      {"longer than its size", "5\r\nhellooo\r\n", "bad"},
      {"bare LF at the end", "0\r\n\n", "bad"},
      {"bare CR at the end", "0\r\n\rX", "bad"},
  });
}

TEST(ChunkedDecoder, Extensions) {
  std::string many;
  for (int i = 0; i < 64; ++i) many += "1;" + std::string(255, 'x') + "\r\na\r\n";
  check_chunks({
      {"name", "1;a\r\nx\r\n0;b\r\n\r\n", "done", "x"},
      {"value", "1;a=b;c=\"d;\\\"e\"\r\nx\r\n0\r\n\r\n", "done", "x"},
      {"space before", "1 ;a\r\nx\r\n", "bad"},
      {"space within", "1; a = b ;\tc\r\nx\r\n0\r\n\r\n", "done", "x"},
      {"no name", "1;\r\nx\r\n", "bad"},
      {"no second name", "1;a;\r\nx\r\n", "bad"},
      {"value alone", "1;=b\r\nx\r\n", "bad"},
      {"no value", "1;a=\r\nx\r\n", "bad"},
      {"two words", "1;a b\r\nx\r\n", "bad"},
      {"quotes without end", "1;a=\"b\r\nx\r\n", "bad"},
      {"escape at the end of quotes", "1;a=\"b\\\"\r\nx\r\n", "bad"},
      {"behind quotes", "1;a=\"b\"c\r\nx\r\n", "bad"},
      {"latin-1 in quotes", "1;a=\"\xe9\"\r\nx\r\n0\r\n\r\n", "done", "x"},
      {"latin-1 in a name", "1;\xe9\r\nx\r\n", "bad"},
      {"bare LF", "1;a\nx\r\n", "bad"},
      {"bare LF in quotes", "1;a=\"\n\"\r\nx\r\n", "bad"},
      {"bare CR", "1;a\rb\r\nx\r\n", "bad"},
      {"NUL", "1;a\0\r\nx\r\n"s, "bad"},
      {"256 bytes", "1;" + std::string(255, 'x') + "\r\na\r\n0\r\n\r\n", "done", "a"},
      {"257 bytes", "1;" + std::string(256, 'x') + "\r\na\r\n0\r\n\r\n", "bad"},
      {"without end", "1;" + std::string(256, 'x'), "bad"},
      {"16 KiB of them", many + "0\r\n\r\n", "done", std::string(64, 'a')},
      {"one more", many + "0;\r\n\r\n", "bad"},
  });
}

TEST(ChunkedDecoder, TrailerSyntax) {
  std::string many;
  for (int i = 0; i < 32; ++i) many += "A: b\r\n";
  const std::string half = "A: " + std::string(4000, 'x') + "\r\n";
  check_chunks({
      {"one", "0\r\nA: b\r\n\r\n", "done"},
      {"cut", "0\r\nA: b\r\n", "more"},
      {"32", "0\r\n" + many + "\r\n", "done"},
      {"33", "0\r\n" + many + "A: b\r\n\r\n", "bad"},
      {"large", "0\r\n" + half + half + "\r\n", "done"},
      {"8 KiB", "0\r\n" + half + half + half + "\r\n", "bad"},
      {"line of 4 KiB", "0\r\nA: " + std::string(4094, 'x'), "bad"},
      {"folded", "0\r\nA: b\r\n c\r\n\r\n", "bad"},
      {"no colon", "0\r\nA\r\n\r\n", "bad"},
      {"space before colon", "0\r\nA : b\r\n\r\n", "bad"},
      {"bare LF", "0\r\nA: b\n\r\n", "bad"},
      {"NUL", "0\r\nA: \0\r\n\r\n"s, "bad"},
  });
}

TEST(ChunkedDecoder, TrailerNames) {
  const struct {
    std::string name;
    bool kept;
  } rows[] = {
      {"Grpc-Status", true},
      {"Digest", true},
      {"ETag", true},
      {"Server-Timing", true},
      {"X-Checksum", true},
      {"Content-Length", false},
      {"Transfer-Encoding", false},
      {"Host", false},
      {"Authorization", false},
      {"Proxy-Authorization", false},
      {"Cookie", false},
      {"Set-Cookie", false},
      {"Connection", false},
      {"Keep-Alive", false},
      {"Upgrade", false},
      {"TE", false},
      {"Trailer", false},
      {"Content-Type", false},
      {"content-encoding", false},
      {"Content-Range", false},
      {"Range", false},
      {"Cache-Control", false},
      {"Expect", false},
      {"Max-Forwards", false},
      {"If-Match", false},
      {"X-Forwarded-For", false},
      {"x-forwarded-anything", false},
      {"Forwarded", false},
      {"X-Request-Id", false},
      {"X-Real-IP", false},
  };
  for (const auto& row : rows) {
    for (const std::size_t piece : {std::string_view::npos, std::size_t{1}}) {
      const Decoded decoded = decode("0\r\n" + row.name + ": v\r\nX-Last: w\r\n\r\n", piece);
      EXPECT_EQ(decoded.outcome, "done") << row.name;
      EXPECT_EQ(decoded.trailers.contains(row.name), row.kept) << row.name;
      EXPECT_EQ(decoded.trailers.get("x-last"), "w") << row.name;
    }
  }
}

TEST(ChunkedDecoder, TrailersObeyTheRuleOnUnderscores) {
  const std::string bytes = "0\r\nX_Sum: v\r\n\r\n";
  ChunkedDecoder keep(Underscores::keep);
  ASSERT_TRUE(keep.next(bytes));
  EXPECT_TRUE(keep.trailers().contains("X_Sum"));
  ChunkedDecoder drop(Underscores::drop);
  ASSERT_TRUE(drop.next(bytes));
  EXPECT_TRUE(drop.done());
  EXPECT_TRUE(drop.trailers().empty());
  ChunkedDecoder reject(Underscores::reject);
  EXPECT_FALSE(reject.next(bytes));
}

// Whoever reads '_' as '-' must not be told by a trailer what a head could not say.
TEST(ChunkedDecoder, AnUnderscoreHidesNoForbiddenTrailer) {
  ChunkedDecoder decoder(Underscores::keep);
  ASSERT_TRUE(
      decoder.next("0\r\nX_Forwarded_For: a\r\nContent_Length: 5\r\nSet_Cookie: b\r\n\r\n"));
  EXPECT_TRUE(decoder.done());
  EXPECT_TRUE(decoder.trailers().empty());
}

TEST(ChunkedDecoder, ConsumesNoMoreThanItsMessage) {
  const Decoded decoded = decode("1\r\na\r\n0\r\nA: b\r\n\r\nGET /");
  EXPECT_EQ(decoded.outcome, "done");
  EXPECT_EQ(decoded.consumed, std::string("1\r\na\r\n0\r\nA: b\r\n\r\n").size());
}

TEST(ChunkedDecoder, OneStepTakesAChunkAndWhatFrames) {
  const std::string bytes = "5\r\nhello\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const auto step = decoder.next(bytes);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->data, "hello");
  EXPECT_EQ(step->consumed, bytes.size());
  EXPECT_TRUE(decoder.done());
}

TEST(ChunkedDecoder, DataBeforeAFaultIsHandedOut) {
  const std::string bytes = "5\r\nhelloX";
  ChunkedDecoder decoder;
  const auto step = decoder.next(bytes);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->data, "hello");
  EXPECT_FALSE(decoder.next(std::string_view(bytes).substr(step->consumed)));
}

constexpr config::Lenient bare_lf{.bare_lf = true};
constexpr config::Lenient padded{.padded_chunk_size = true};

TEST(ChunkedDecoder, ABareLfEndsALineWhereItIsForgiven) {
  check_chunks({{"size and data", "2\nok\n0\n\n", "done", "ok"},
                {"mixed", "2\r\nok\n1;a=b\n!\r\n0\r\n\n", "done", "ok!"},
                {"trailers", "0\nA: b\nC: d\r\n\n", "done"},
                {"CR CR LF", "2\r\r\nok\r\n", "bad"},
                {"CR alone behind the data", "2\nok\r0\n\n", "bad"},
                {"data longer", "2\nokay\n", "bad"},
                {"no size", "\n", "bad"},
                {"padded", "2 \nok\n", "bad"}},
               bare_lf);
  EXPECT_TRUE(decode("2\nok\r\n0\r\n\r\n", 1, bare_lf).forgiven.bare_lf);
  EXPECT_TRUE(decode("2\r\nok\n0\r\n\r\n", 1, bare_lf).forgiven.bare_lf);
  EXPECT_TRUE(decode("0\r\nA: b\n\r\n", 1, bare_lf).forgiven.bare_lf);
  EXPECT_FALSE(decode("2\r\nok\r\n0\r\nA: b\r\n\r\n", 1, bare_lf).forgiven.bare_lf);
}

TEST(ChunkedDecoder, SpacesBehindASizeWhereTheyAreForgiven) {
  const std::string most(64, ' ');
  check_chunks({{"some", "2  \r\nok\r\n0 \r\n\r\n", "done", "ok"},
                {"before an extension", "2 ;a=b\r\nok\r\n0\r\n\r\n", "done", "ok"},
                {"as many as there may be", "2" + most + "\r\nok\r\n0\r\n\r\n", "done", "ok"},
                {"one more", "2" + most + " \r\nok\r\n0\r\n\r\n", "bad"},
                {"cut", "2  ", "more"},
                {"a tab", "2\t\r\nok\r\n", "bad"},
                {"before the size", " 2\r\nok\r\n", "bad"},
                {"within the size", "1 0\r\n", "bad"},
                {"no size", "  \r\n", "bad"},
                {"a bare LF", "2 \nok\r\n", "bad"}},
               padded);
  EXPECT_TRUE(decode("2 \r\nok\r\n0\r\n\r\n", 1, padded).forgiven.padded_chunk_size);
  EXPECT_FALSE(decode("2\r\nok\r\n0\r\n\r\n", 1, padded).forgiven.padded_chunk_size);
}

}  // namespace
}  // namespace weir::codec::h1
