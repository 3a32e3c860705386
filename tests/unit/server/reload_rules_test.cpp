#include "server/reload_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::server {
namespace {

using Lines = std::vector<std::string>;

config::Loaded loaded(const std::string& server) {
  auto out = config::load_text(server +
                               "\nlisteners: [{name: a, bind: '127.0.0.1:1'}]\n"
                               "routes: [{name: r, match: {}, respond: {}}]\n");
  EXPECT_TRUE(out) << (out ? "" : out.error().front().to_string());
  return out ? std::move(*out) : config::Loaded();
}

Lines problems(const std::string& before, const std::string& after) {
  Lines out;
  for (const auto& one : restart_problems(loaded(before).config, loaded(after))) {
    out.push_back(one.to_string());
  }
  return out;
}

TEST(RestartProblems, AreOfWorkersAndTheBackendAlone) {
  const std::string restart =
      "a change of this needs a restart; only server.workers and server.io_backend do";
  const std::string before = "server: {workers: 2}\n";
  EXPECT_EQ(problems(before, before), Lines{});
  EXPECT_EQ(problems(before,
                     "server: {workers: 2, drain_timeout: 3s, watch: on}\n"
                     "admin: {bind: '127.0.0.1:7'}\n"),
            Lines{});
  EXPECT_EQ(problems(before, "server: {workers: 3}\n"),
            Lines{"weir.yaml:1:19: server.workers: " + restart});
  EXPECT_EQ(problems(before, "server: {io_backend: epoll, workers: 3}\n"),
            (Lines{"weir.yaml:1:38: server.workers: " + restart,
                   "weir.yaml:1:22: server.io_backend: " + restart}));
  // What is left out is the default.
  EXPECT_EQ(problems(before, "server: {drain_timeout: 3s}\n").size(), 1u);
}

}  // namespace
}  // namespace weir::server
