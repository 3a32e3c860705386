// Requests of an access log against two configurations: which of them the second would treat
// otherwise than the first. Decided by what `weir explain` is decided by; a line of the log has not
// all that a request had, so some cannot be told. One thread; the two configurations outlive it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/reason.hpp"
#include "weir/config/model.hpp"
#include "weir/config/problem.hpp"

namespace weir::server {

// What a line of the access log says of a request; "" where it says nothing.
struct LoggedFacts {
  std::string listener;
  std::string client_ip;
  std::string peer;  // its address, without the port
  std::string method;
  std::string host;
  std::string path;
  std::string query;
  std::string user_agent;
  std::string referer;
  std::string route;
  Reason reason = Reason::none;
  std::uint64_t bytes_in = 0;
};

struct Replayed {
  enum class Verdict : std::uint8_t { same, different, cannot_tell };

  Verdict verdict = Verdict::same;
  // Of a difference "route", "upstream", "answer" or "path"; otherwise what the log does not have:
  // "header x-canary", "credentials".
  std::string what;
  std::string before;  // of a difference, in a few words
  std::string after;
  bool disagrees = false;  // the log names a route that the first configuration would not choose
};

class Replay {
 public:
  // `before` wrote the log: its access_log.query says what became of queries. Fails with what is
  // wrong with the routes.
  static std::expected<std::unique_ptr<Replay>, std::vector<config::Problem>> make(
      const config::Config& before, const config::Config& after);
  virtual ~Replay() = default;

  virtual Replayed of(const LoggedFacts& logged) = 0;
};

}  // namespace weir::server
