#include "weir/base/gzip.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace weir {
namespace {

std::string gunzip(const std::string& bytes, std::size_t most) {
  std::string out(most + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0U);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(Gzip, IsWhatItWas) {
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 300'000; ++i) {
    state = state * 1664525 + 1013904223;
    noise += static_cast<char>(state >> 24);
  }
  for (const std::string& text :
       {std::string(), std::string("a"), std::string(3'000'000, 'x'), noise}) {
    const std::string packed = gzip(text);
    EXPECT_EQ(gunzip(packed, text.size()), text);
  }
  EXPECT_LT(gzip(std::string(3'000'000, 'x')).size(), 30'000U);
}

}  // namespace
}  // namespace weir
