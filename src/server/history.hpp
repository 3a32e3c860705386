// The configurations that were in use, newest last: what each changed, and what makes it again.
// Main thread; without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "weir/config/digest.hpp"
#include "weir/config/loader.hpp"
#include "weir/server/status.hpp"

namespace weir::server {

class History {
 public:
  static constexpr std::size_t most_entries = 20;
  // Of the texts of all of them: the oldest lose theirs first.
  static constexpr std::size_t most_bytes = 64 * 1024 * 1024;

  struct Entry {
    std::uint64_t generation = 0;
    WallClock::time_point at;
    std::string source;                            // "start", "SIGHUP", "watch", ...
    std::optional<std::uint64_t> rolled_back_to;   // it is that generation's configuration
    std::optional<config::ConfigChanges> changes;  // none: the first one, or not compared yet
    std::shared_ptr<const config::Origin> origin;  // null: it cannot be had again
  };

  void add(Entry entry);
  // What an entry changed has become known; nothing if it has left.
  void compared(std::uint64_t generation, config::ConfigChanges changes);
  const std::deque<Entry>& entries() const noexcept { return entries_; }
  // What makes the configuration of that generation again; or why there is nothing, a sentence.
  std::expected<std::shared_ptr<const config::Origin>, std::string> origin_of(
      std::uint64_t generation) const;

 private:
  std::deque<Entry> entries_;
};

}  // namespace weir::server
