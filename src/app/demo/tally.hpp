// What the demo has seen of its requests, for the status. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "app/request_line.hpp"
#include "weir/base/time.hpp"

namespace weir::app {

class DemoTally {
 public:
  static constexpr Duration recent = std::chrono::seconds(10);

  struct Upstream {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;  // 5xx, those of the gateway for it among them
  };

  void count(const LoggedRequest& request, TimePoint now);

  std::uint64_t requests() const noexcept { return requests_; }
  // By the status's first digit, 1 to 5; 0: nothing was answered.
  std::uint64_t of_class(std::size_t digit) const noexcept { return classes_[digit]; }
  // By upstream; those that the gateway answered itself went to none.
  Upstream upstream(const std::string& name) const;
  // Requests a second, of the last `recent`.
  double rate(TimePoint now);

 private:
  std::uint64_t requests_ = 0;
  std::array<std::uint64_t, 6> classes_{};
  std::map<std::string, Upstream> upstreams_;                // a few: names are the configuration's
  std::deque<std::pair<TimePoint, std::uint64_t>> seconds_;  // begin of each, and its requests
};

}  // namespace weir::app
