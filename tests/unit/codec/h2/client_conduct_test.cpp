#include "codec/h2/client_conduct.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace weir::codec::h2 {
namespace {

using namespace std::chrono_literals;
using ConductRequest = ClientConduct::Request;

// A second of a client: so many requests of each kind, every second, in turn.
struct ConductRow {
  std::string_view name;
  int answered;
  int given_up;
  int cut;
  bool stranger_stays;
  bool proxy_stays;
};

const std::vector<ConductRow>& rows() {
  static const std::vector<ConductRow> all{
      {"none given up", 400, 0, 0, true, true},
      {"a fifth given up", 320, 80, 0, true, true},
      {"half", 500, 500, 0, true, true},
      {"a few, and no answer", 0, 45, 0, true, true},
      {"three quarters", 250, 750, 0, false, true},
      {"most", 100, 2000, 0, false, false},
      {"none answered", 0, 1000, 0, false, false},
      {"many cut", 0, 0, 150, true, true},
      {"all cut", 0, 0, 1000, false, true},
      {"more cut than answered", 400, 0, 1000, true, true},
  };
  return all;
}

bool stays(const ConductRow& row, bool proxy) {
  TimePoint now{};
  ClientConduct conduct(now, proxy);
  for (int tick = 0; tick < 600; ++tick, now += 100ms) {
    for (int i = 0; i < row.answered / 10; ++i) conduct.answered();
    for (int i = 0; i < row.given_up / 10; ++i) conduct.gives_up(ConductRequest::unanswered, now);
    for (int i = 0; i < row.cut / 10; ++i) conduct.gives_up(ConductRequest::being_answered, now);
  }
  return !conduct.is_away();
}

TEST(ClientConductTest, TheShareOfWhatIsGivenUpCounts) {
  for (const ConductRow& row : rows()) {
    EXPECT_EQ(stays(row, false), row.stranger_stays) << row.name;
    EXPECT_EQ(stays(row, true), row.proxy_stays) << row.name << ", a proxy";
  }
}

TEST(ClientConductTest, OurOwnResetsAreNotTheClients) {
  const TimePoint now{};
  ClientConduct conduct(now, false);
  for (int i = 0; i < 10'000; ++i) {
    conduct.is_reset(NGHTTP2_REFUSED_STREAM, true, now);
    conduct.is_reset(NGHTTP2_NO_ERROR, false, now);
    conduct.is_reset(NGHTTP2_INTERNAL_ERROR, false, now);
    conduct.is_reset(NGHTTP2_CANCEL, false, now);
  }
  EXPECT_FALSE(conduct.is_away());
}

TEST(ClientConductTest, ProvokedResetsAre) {
  for (const std::uint32_t error : {NGHTTP2_PROTOCOL_ERROR, NGHTTP2_FLOW_CONTROL_ERROR,
                                    NGHTTP2_STREAM_CLOSED, NGHTTP2_REFUSED_STREAM}) {
    const TimePoint now{};
    ClientConduct conduct(now, false);
    for (int i = 0; i < 1000 && !conduct.is_away(); ++i) conduct.is_reset(error, false, now);
    EXPECT_TRUE(conduct.is_away()) << error;
  }
}

TEST(ClientConductTest, WhoGoesOnIsCutOff) {
  const TimePoint now{};
  ClientConduct conduct(now, true);
  int resets = 0;
  for (; !conduct.is_away(); ++resets) conduct.gives_up(ConductRequest::unanswered, now);
  EXPECT_FALSE(conduct.is_cut_off());
  int more = 0;
  for (; !conduct.is_cut_off(); ++more) conduct.gives_up(ConductRequest::unanswered, now);
  // What it may have in flight, and not what it was forgiven before.
  EXPECT_LE(more, static_cast<int>(FloodGuard::most_resets) + 1);
  EXPECT_GT(more, 100);
}

TEST(ClientConductTest, IdleFramesAreTakenTwice) {
  const TimePoint now{};
  ClientConduct conduct(now, false);
  nghttp2_frame_hd ping{};
  ping.length = 8;
  ping.type = NGHTTP2_PING;
  int taken = 0;
  while (conduct.frame_begins(ping, now)) ++taken;
  EXPECT_TRUE(conduct.is_away());
  EXPECT_GT(taken, static_cast<int>(FloodGuard::most_idle_frames));
  EXPECT_LE(taken, 2 * static_cast<int>(FloodGuard::most_idle_frames) + 1);
}

}  // namespace
}  // namespace weir::codec::h2
