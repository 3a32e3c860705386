#include "app/demo/controls.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "app/demo/config.hpp"

namespace weir::app {
namespace {

constexpr std::array<std::array<std::uint32_t, 2>, 4> stages{
    {demo_split, {50, 50}, {10, 90}, {0, 100}}};

const control::SplitWeights in_file(demo_split.begin(), demo_split.end());

}  // namespace

DemoControls::DemoControls(server::Process& process, DemoHandler& v2)
    : splits_(process.splits), v2_(v2), cluster_(process.registry.find(demo_broken_upstream)) {
  if (!cluster_) throw std::logic_error("the demo's configuration has no v2");
}

bool DemoControls::toggle_v2() noexcept {
  v2_.set_failing(!v2_.is_failing());
  return v2_.is_failing();
}

std::array<std::uint32_t, 2> DemoControls::move_canary() {
  // What somebody set by PUT is none of the stages: the first follows.
  const auto now = std::ranges::find(stages, weights());
  const auto next = now == stages.end() ? stages.begin() : std::next(now);
  if (next == stages.end() || next == stages.begin()) {
    splits_.clear(demo_split_route);
  } else {
    splits_.set(demo_split_route, in_file, control::SplitWeights(next->begin(), next->end()));
  }
  return weights();
}

std::array<std::uint32_t, 2> DemoControls::weights() const {
  const control::SplitWeights now = splits_.effective(demo_split_route, in_file);
  return {now.at(0), now.at(1)};
}

control::BreakerView DemoControls::v2_breaker() const {
  return cluster_->breaker().view(Clock::now());
}

}  // namespace weir::app
