#include "server/readiness.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "weir/telemetry/log.hpp"

namespace weir::server {

void Readiness::begin(const upstream::Registry& registry, Duration at_most,
                      std::function<void()> reached) {
  begun_ = true;
  told_ = std::move(reached);
  reloaded(registry, at_most);
  if (!waiting_.empty()) {
    telemetry::log::warn("serving, not ready yet: upstreams without an address",
                         {{"waits_for", waits_for()}});
  }
  if (!held_.empty()) {
    telemetry::log::warn("serving, not ready yet", {{"waits_for", held_}});
  }
}

void Readiness::hold(std::string why, Duration at_most) {
  if (reached_) return;
  held_ = std::move(why);
  held_until_ = since_ + at_most;
  hold_timer_.expires_at(held_until_);
  hold_timer_.async_wait([this](boost::system::error_code error) {
    if (error || held_.empty()) return;
    telemetry::log::warn("ready without what was waited for", {{"waited_for", held_}});
    release();
  });
}

void Readiness::release() {
  if (held_.empty()) return;
  held_.clear();
  hold_timer_.cancel();
  look();
}

void Readiness::reloaded(const upstream::Registry& registry, Duration at_most) {
  if (!begun_ || reached_) return;
  waiting_ = registry.clusters();
  until_ = since_ + at_most;  // zero is no wait here, not one without an end
  timer_.expires_at(until_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error || reached_) return;
    if (!waiting_.empty()) {
      telemetry::log::warn("ready although upstreams have no address: server.ready_wait is over",
                           {{"waited_for", waits_for()}});
    }
    waiting_.clear();
    look();
  });
  if (until_ <= Clock::now()) waiting_.clear();
  look();
}

void Readiness::look() {
  if (!begun_ || reached_) return;
  // From behind, so that each cluster is asked again only while it is the one that is waited for.
  while (!waiting_.empty() && waiting_.back()->waits_for().empty()) waiting_.pop_back();
  if (waiting_.empty() && held_.empty()) reach();
}

void Readiness::reach() {
  reached_ = true;
  waiting_.clear();
  timer_.cancel();
  if (told_) std::exchange(told_, nullptr)();
}

void Readiness::stop() {
  told_ = nullptr;
  waiting_.clear();
  held_.clear();
  timer_.cancel();
  hold_timer_.cancel();
}

std::string Readiness::waits_for() const {
  constexpr std::size_t most_named = 5;
  std::string out;
  std::size_t count = 0;
  for (const auto& cluster : waiting_) {
    const std::vector<std::string> names = cluster->waits_for();
    if (names.empty() || ++count > most_named) continue;
    const std::size_t shown = std::min(names.size(), most_named);
    out += fmt::format(
        "{}upstream {} ({}{})", out.empty() ? "" : ", ", cluster->name(),
        fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
        shown < names.size() ? ", ..." : "");
  }
  if (count > most_named) out += fmt::format(" and {} more", count - most_named);
  return out;
}

}  // namespace weir::server
