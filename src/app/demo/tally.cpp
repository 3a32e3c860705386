#include "app/demo/tally.hpp"

namespace weir::app {

void DemoTally::count(const LoggedRequest& request, TimePoint now) {
  ++requests_;
  const int digit = request.status / 100;
  ++classes_[digit >= 1 && digit <= 5 ? static_cast<std::size_t>(digit) : 0];
  if (!request.upstream.empty()) {
    Upstream& upstream = upstreams_[request.upstream];
    ++upstream.requests;
    if (request.status >= 500) ++upstream.failed;
  }
  if (seconds_.empty() || now - seconds_.back().first >= std::chrono::seconds(1)) {
    rate(now);  // forgets what is old
    seconds_.emplace_back(now, 0);
  }
  ++seconds_.back().second;
}

DemoTally::Upstream DemoTally::upstream(const std::string& name) const {
  const auto found = upstreams_.find(name);
  return found == upstreams_.end() ? Upstream{} : found->second;
}

double DemoTally::rate(TimePoint now) {
  while (!seconds_.empty() && now - seconds_.front().first > recent) seconds_.pop_front();
  std::uint64_t sum = 0;
  for (const auto& [begin, requests] : seconds_) sum += requests;
  return static_cast<double>(sum) / std::chrono::duration<double>(recent).count();
}

}  // namespace weir::app
