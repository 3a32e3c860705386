#include "codec/h2/frame_clock.hpp"

#include <gtest/gtest.h>

namespace weir::codec::h2 {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t preface = NGHTTP2_CLIENT_MAGIC_LEN;
constexpr std::size_t header = 9;
const TimePoint start{1h};

nghttp2_frame_hd frame_head(std::size_t length, std::uint8_t type, std::uint8_t flags) {
  nghttp2_frame_hd out{};
  out.length = length;
  out.type = type;
  out.flags = flags;
  return out;
}

TEST(FrameClock, TellsHowMuchHasComeOfWhatIsOwed) {
  FrameClock clock(start);
  clock.begins(frame_head(100, NGHTTP2_HEADERS, 0), start);
  const std::uint64_t first_end = preface + header + 100;
  EXPECT_EQ(clock.in_parts(preface + header + 40), header + 40);
  EXPECT_EQ(clock.in_parts(first_end), header + 100) << "the section has not ended";
  clock.begins(frame_head(50, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS), start + 1s);
  EXPECT_EQ(clock.in_parts(first_end + header + 10), header + 100 + header + 10);
  EXPECT_EQ(clock.since(), start);
  const std::uint64_t section_end = first_end + header + 50;
  EXPECT_EQ(clock.in_parts(section_end), 0u) << "nothing is owed";
  EXPECT_FALSE(clock.owes(section_end));
}

TEST(FrameClock, ContentIsNotOwed) {
  FrameClock clock(start);
  clock.begins(frame_head(1000, NGHTTP2_DATA, 0), start);
  EXPECT_EQ(clock.in_parts(preface + header + 10), 0u);
  const std::uint64_t end = preface + header + 1000;
  clock.begins(frame_head(8, NGHTTP2_PING, 0), start + 1s);
  EXPECT_EQ(clock.in_parts(end + header + 3), header + 3);
  EXPECT_EQ(clock.since(), start + 1s);
}

}  // namespace
}  // namespace weir::codec::h2
