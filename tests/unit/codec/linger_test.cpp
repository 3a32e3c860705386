#include "weir/codec/linger.hpp"

#include <gtest/gtest.h>

#include <string>

#include "codec/h1/wire.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec {
namespace {

using namespace std::chrono_literals;
using h1::Peer;
using h1::Wire;

// Lingers for a client that does as `client` says; how long that took.
template <class Client>
Duration lingered(Client client) {
  net::Loop loop;
  Duration out{};
  net::run_on(loop, [&]() -> Task<> {
    Wire wire = co_await Wire::connect(loop);
    net::TaskGroup group(loop);
    group.spawn(client(*wire.peer));
    const TimePoint began = loop.now();
    co_await linger(*wire.near);
    out = loop.now() - began;
    wire.near->close();
    co_await group.join();
  });
  return out;
}

TEST(Linger, TakesWhatComesUntilTheClientsEnd) {
  const Duration took = lingered([](Peer& peer) -> Task<> {
    co_await peer.say(std::string(8 * 1024 * 1024, 'x'));
    peer.finish();
    const std::string heard = co_await peer.hear_all();
    EXPECT_EQ(heard, "");
    EXPECT_EQ(peer.ended_by(), net::Io::eof);  // not reset
  });
  EXPECT_LT(took, 2s);
}

TEST(Linger, EndsAfterTwoSecondsOfSilence) {
  const Duration took = lingered([](Peer& peer) -> Task<> { co_await peer.say("x"); });
  EXPECT_GE(took, 1900ms);
  EXPECT_LT(took, 5s);
}

TEST(Linger, TakesSoMuchAndNoMore) {
  bool all = true;
  const Duration took = lingered([&](Peer& peer) -> Task<> {
    const std::string piece(1024 * 1024, 'x');
    std::size_t said = 0;
    for (; all && said < 200 * piece.size(); said += piece.size()) {
      all = co_await peer.try_say(piece);
    }
  });
  EXPECT_FALSE(all);
  EXPECT_LT(took, longest_linger);
}

TEST(Linger, LetsTheOthersOfTheLoopComeInBetween) {
  net::Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    Wire wire = co_await Wire::connect(loop);
    bool ended = false;
    net::TaskGroup group(loop);
    const auto side = [](net::Stream& stream, bool& over) -> Task<> {
      co_await linger(stream);
      over = true;
    };
    const auto peer = [](Peer& client) -> Task<> {
      co_await client.say(std::string(16 * 1024 * 1024, 'x'));
      client.finish();
    };
    group.spawn(side(*wire.near, ended));
    group.spawn(peer(*wire.peer));
    int turns = 0;
    net::TurnTaking turn(loop);
    while (!ended) {
      co_await turn.yield();
      ++turns;
    }
    EXPECT_GE(turns, 16);
    co_await group.join();
  });
}

}  // namespace
}  // namespace weir::codec
