#include "weir/net/turn_taking.hpp"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

int pieces_a_turn(std::size_t size) {
  Loop loop;
  TurnTaking turns(loop);
  int pieces = 1;
  while (!turns.moved(size)) ++pieces;
  return pieces;
}

// Content may come in chunks of one byte: a million of them is no turn.
TEST(TurnTaking, BoundsBytesAndPieces) {
  EXPECT_LE(pieces_a_turn(1), 256);
  EXPECT_GE(pieces_a_turn(1), 16);
  EXPECT_LE(pieces_a_turn(64 * 1024), 16);
  EXPECT_GE(pieces_a_turn(64 * 1024), 8);
  EXPECT_EQ(pieces_a_turn(1024 * 1024), 1);
}

}  // namespace
}  // namespace weir::net
