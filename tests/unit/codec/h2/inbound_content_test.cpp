#include "codec/h2/inbound_content.hpp"

#include <gtest/gtest.h>

#include <string>

#include "weir/net/loop.hpp"

namespace weir::codec::h2 {
namespace {

TEST(InboundContentTest, ComesOutAsItWentIn) {
  net::Loop loop;
  InboundContent content(loop);
  std::string in;
  std::string out;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string piece(1 + i * 37 % 9000, static_cast<char>('a' + i % 26));
    in += piece;
    content.append(as_bytes(piece));
    if (i % 3 == 0) out += as_text(content.take());
  }
  EXPECT_EQ(content.queued(), in.size() - out.size());
  content.end();
  EXPECT_FALSE(content.complete());
  while (content.queued() != 0) out += as_text(content.take());
  EXPECT_TRUE(content.complete());
  EXPECT_EQ(out, in);
}

TEST(InboundContentTest, APieceStaysUntilTheNext) {
  net::Loop loop;
  InboundContent content(loop);
  content.append(as_bytes("one"));
  const Bytes piece = content.take();
  content.append(as_bytes("two"));
  EXPECT_EQ(as_text(piece), "one");
  EXPECT_EQ(as_text(content.take()), "two");
  EXPECT_TRUE(content.take().empty());
}

TEST(InboundContentTest, NothingIsKeptAfterDiscard) {
  net::Loop loop;
  InboundContent content(loop);
  content.append(as_bytes("one"));
  content.discard();
  content.append(as_bytes("two"));
  EXPECT_EQ(content.queued(), 0u);
  EXPECT_TRUE(content.take().empty());
}

}  // namespace
}  // namespace weir::codec::h2
