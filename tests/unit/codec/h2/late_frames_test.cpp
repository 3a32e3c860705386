#include "codec/h2/late_frames.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/body.hpp"

namespace weir::codec::h2 {
namespace {

enum : char { data = 0, headers_type = 1, priority = 2, rst_stream_type = 3, window_update = 8 };

std::string frame_bytes(char type, char flags, char stream, std::size_t size = 4) {
  std::string out{0, 0, static_cast<char>(size), type, flags, 0, 0, 0, stream};
  return out + std::string(size, 'x');
}

struct LateFrameRow {
  std::string_view name;
  std::string sent;
  bool late;
};

const std::vector<LateFrameRow>& late_frame_rows() {
  static const std::vector<LateFrameRow> all{
      {"nothing", "", false},
      {"a request", frame_bytes(headers_type, 5, 1), false},
      {"a request with content",
       frame_bytes(headers_type, 4, 1) + frame_bytes(data, 0, 1) + frame_bytes(data, 1, 1), false},
      {"trailers",
       frame_bytes(headers_type, 4, 1) + frame_bytes(data, 0, 1) + frame_bytes(headers_type, 5, 1),
       false},
      {"content behind the end", frame_bytes(headers_type, 5, 1) + frame_bytes(data, 0, 1), true},
      {"empty content behind the end", frame_bytes(headers_type, 5, 1) + frame_bytes(data, 1, 1, 0),
       true},
      {"fields behind the end", frame_bytes(headers_type, 5, 1) + frame_bytes(headers_type, 5, 1),
       true},
      {"content behind content's end",
       frame_bytes(headers_type, 4, 1) + frame_bytes(data, 1, 1) + frame_bytes(data, 0, 1), true},
      {"content behind a reset",
       frame_bytes(headers_type, 4, 1) + frame_bytes(rst_stream_type, 0, 1) +
           frame_bytes(data, 0, 1),
       true},
      {"a reset behind the end",
       frame_bytes(headers_type, 5, 1) + frame_bytes(rst_stream_type, 0, 1), false},
      {"a window behind the end",
       frame_bytes(headers_type, 5, 1) + frame_bytes(window_update, 0, 1), false},
      {"a priority behind the end",
       frame_bytes(headers_type, 5, 1) + frame_bytes(priority, 1, 1, 5), false},
      {"another stream",
       frame_bytes(headers_type, 5, 1) + frame_bytes(headers_type, 4, 3) + frame_bytes(data, 1, 3),
       false},
      {"the connection's stream", frame_bytes(data, 1, 0) + frame_bytes(data, 1, 0), false},
  };
  return all;
}

bool late(std::string_view sent, std::size_t step) {
  LateFrames frames;
  const std::string all = std::string(LateFrames::preface_size, 'P') + std::string(sent);
  bool found = false;
  for (std::size_t at = 0; at < all.size(); at += step) {
    found = frames.take(as_bytes(std::string_view(all).substr(at, step))) || found;
  }
  return found;
}

TEST(LateFrames, Rows) {
  for (const LateFrameRow& row : late_frame_rows()) {
    for (const std::size_t step : {1, 2, 7, 1000}) {
      EXPECT_EQ(late(row.sent, step), row.late) << row.name << " by " << step;
    }
  }
}

TEST(LateFrames, RemembersTheLatestOnly) {
  std::string sent;
  for (char stream = 1; stream <= 2 * 17; stream = static_cast<char>(stream + 2)) {
    sent += frame_bytes(headers_type, 5, stream);
  }
  EXPECT_FALSE(late(sent + frame_bytes(data, 1, 1), 1000));
  EXPECT_TRUE(late(sent + frame_bytes(data, 1, 3), 1000));
}

TEST(LateFrames, AServerHasNoPreface) {
  LateFrames frames(0);
  const std::string sent = frame_bytes(headers_type, 4, 1) + frame_bytes(data, 1, 1);
  EXPECT_FALSE(frames.take(as_bytes(sent)));
  EXPECT_TRUE(frames.take(as_bytes(frame_bytes(data, 1, 1))));
}

TEST(LateFrames, AnyStreamNumberAndLength) {
  std::string large{0, 0, 4, headers_type, 5, static_cast<char>(0x80 | 0x7f), -1, -1, -1};
  std::string content{0, 1, 0, data, 0, 0x7f, -1, -1, -1};
  EXPECT_TRUE(late(large + "xxxx" + content + std::string(256, 'x'), 3));
  // The reserved bit is not of the number.
  EXPECT_TRUE(late(content + std::string(256, 'x') + large + "xxxx" + content, 3));
}

}  // namespace
}  // namespace weir::codec::h2
