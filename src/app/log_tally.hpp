// The requests of an access log, as two configurations would treat them: counted, with examples.
// One thread; reads what it is given.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "app/request_line.hpp"
#include "weir/server/replay.hpp"

namespace weir::app {

class LogTally {
 public:
  // What of a replayed request puts it with others.
  struct Group {
    std::string what;  // as of server::Replayed
    std::string before;
    std::string after;
    friend auto operator<=>(const Group&, const Group&) = default;
  };
  struct Count {
    std::uint64_t requests = 0;
    std::vector<std::string> examples;  // "GET shop.example/orders/7"
  };
  using Groups = std::map<Group, Count>;

  LogTally(server::Replay& replay, std::size_t examples) : replay_(replay), most_(examples) {}

  // All lines of it, as they come: memory does not grow with their number.
  void read(std::istream& log);
  // One line, without its end.
  void take(std::string_view line);

  std::uint64_t requests() const noexcept { return requests_; }
  std::uint64_t same() const noexcept { return requests_ - different_ - unknown_; }
  std::uint64_t different() const noexcept { return different_; }
  std::uint64_t cannot_tell() const noexcept { return unknown_; }
  // Lines that are no request's, or of one that had no head.
  std::uint64_t others() const noexcept { return others_; }
  // Requests whose route in the log is none that the first configuration could choose.
  std::uint64_t disagreeing() const noexcept { return disagreeing_; }
  const Groups& differences() const noexcept { return differences_; }
  const Groups& unknowns() const noexcept { return unknowns_; }

 private:
  const server::Replayed& replayed(const server::LoggedFacts& facts);
  void add(Groups& groups, const server::Replayed& what, const LoggedRequest& request) const;

  server::Replay& replay_;
  const std::size_t most_;
  std::uint64_t requests_ = 0;
  std::uint64_t different_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t others_ = 0;
  std::uint64_t disagreeing_ = 0;
  Groups differences_;
  Groups unknowns_;
  std::unordered_map<std::string, server::Replayed> known_;  // requests that come again
};

}  // namespace weir::app
