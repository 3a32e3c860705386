// The numbers that a client gives to its streams: they go up, and those that it left out are closed
// (RFC 9113 section 5.1.1), where nghttp2 takes them for streams that have ended. Owned by a
// connection, worker thread only; pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir::codec::h2 {

class StreamNumbers {
 public:
  // HEADERS came on `id`: whether they may open it, or belong to one that was open.
  bool may_open(std::int32_t id) {
    if (id > highest_) {
      if (id > highest_ + 2 && skipped_.size() < most_skipped) {
        skipped_.emplace_back(highest_ + 2, id - 2);
      }
      highest_ = id;
      return true;
    }
    return std::ranges::none_of(
        skipped_, [id](const auto& range) { return range.first <= id && id <= range.second; });
  }

 private:
  static constexpr std::size_t most_skipped = 16;

  std::int32_t highest_ = -1;
  std::vector<std::pair<std::int32_t, std::int32_t>> skipped_;  // ranges
};

}  // namespace weir::codec::h2
