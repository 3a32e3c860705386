#include "weir/control/outlier_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace weir::control {
namespace {

// What one endpoint did in an interval.
struct Measured {
  std::size_t peer = 0;
  std::uint32_t requests = 0;
  std::uint32_t failures = 0;

  double share() const noexcept {
    return static_cast<double>(failures) / static_cast<double>(requests);
  }
};

// Whether one's share is above that of the others by so many standard deviations.
bool stands_out(const Measured& one, std::span<const Measured> all) noexcept {
  const auto others = static_cast<double>(all.size() - 1);
  double sum = 0;
  for (const Measured& each : all) sum += each.peer == one.peer ? 0 : each.share();
  const double mean = sum / others;
  double squares = 0;
  for (const Measured& each : all) {
    if (each.peer != one.peer) squares += (each.share() - mean) * (each.share() - mean);
  }
  return one.share() > mean + OutlierDetector::deviations * std::sqrt(squares / others);
}

}  // namespace

std::string_view name(EjectionCause cause) noexcept {
  return cause == EjectionCause::consecutive_errors ? "consecutive_errors" : "failure_share";
}

std::string EjectionView::to_text() const {
  return fmt::format("ejected: {}, {} s left", why,
                     std::chrono::ceil<std::chrono::seconds>(left).count());
}

bool OutlierDetector::tried(OutlierRecord& record, bool failed) const noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  // What still comes of requests from before says nothing new.
  if (record.ejected_.load(relaxed)) return false;
  if (counts_shares_.load(relaxed)) {
    record.requests_.fetch_add(1, relaxed);
    if (failed) record.failures_.fetch_add(1, relaxed);
  }
  if (!failed) {
    if (record.errors_.load(relaxed) != 0) record.errors_.store(0, relaxed);
    if (record.refused_.load(relaxed) == OutlierRecord::Refused::for_errors) [[unlikely]]
      record.refused_.store(OutlierRecord::Refused::no, relaxed);
    return false;
  }
  const std::uint32_t most = consecutive_errors_.load(relaxed);
  return most != 0 && record.errors_.fetch_add(1, relaxed) + 1 >= most;
}

void OutlierDetector::apply(const std::optional<OutlierPolicy>& policy, TimePoint now) {
  if (policy == policy_) return;
  const Duration before = policy_ ? policy_->interval : Duration::zero();
  policy_ = policy;
  const bool shares = policy && policy->failure_share > 0;
  consecutive_errors_.store(policy ? policy->consecutive_errors : 0, std::memory_order_relaxed);
  counts_shares_.store(shares, std::memory_order_relaxed);
  on_.store(policy.has_value(), std::memory_order_relaxed);
  if (!shares) {
    interval_end_ = no_deadline;
  } else if (interval_end_ == no_deadline || policy->interval != before) {
    interval_end_ = now + policy->interval;
  }
}

const char* OutlierDetector::obstacle(std::size_t whom,
                                      std::span<const OutlierPeer> peers) const noexcept {
  std::size_t ejected = 1;
  std::size_t staying = 0;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (i == whom) continue;
    const bool is_out = peers[i].record->ejected_.load(std::memory_order_relaxed);
    ejected += is_out ? 1 : 0;
    staying += !is_out && peers[i].healthy ? 1 : 0;
  }
  // A share that is written as 30 % shall mean three of ten.
  constexpr double rounding = 1e-9;
  const double most = policy_->max_ejected * static_cast<double>(peers.size()) + rounding;
  if (staying == 0) return "it is the last one in use";
  return static_cast<double>(ejected) <= most ? nullptr : "max_ejected is reached";
}

std::optional<Ejection> OutlierDetector::take_out(std::size_t whom,
                                                  std::span<const OutlierPeer> peers,
                                                  EjectionCause cause, std::string why,
                                                  TimePoint now) {
  using Refused = OutlierRecord::Refused;
  OutlierRecord& record = *peers[whom].record;
  // Who is out by its checks is not missed.
  if (!peers[whom].healthy) return std::nullopt;
  if (const char* const what = obstacle(whom, peers)) {
    record.refusal_ = fmt::format("{}, but {}", why, what);
    record.refused_.store(
        cause == EjectionCause::consecutive_errors ? Refused::for_errors : Refused::for_share,
        std::memory_order_relaxed);
    return std::nullopt;
  }
  record.refused_.store(Refused::no, std::memory_order_relaxed);
  const bool goes_on = record.row_ != 0 && now - record.back_at_ < record.time_;
  record.row_ = goes_on ? record.row_ + 1 : 1;
  // No product: it could overflow.
  const Duration most = policy_->max_ejection_time;
  record.time_ =
      record.row_ > most / policy_->ejection_time ? most : record.row_ * policy_->ejection_time;
  record.ejected_at_ = now;
  record.until_ = now + record.time_;
  record.why_ = why;
  record.ejected_.store(true, std::memory_order_relaxed);
  ++counts_[static_cast<std::size_t>(cause)];
  return Ejection{.peer = whom, .cause = cause, .why = std::move(why), .time = record.time_};
}

std::optional<Ejection> OutlierDetector::eject(std::size_t whom, std::span<const OutlierPeer> peers,
                                               TimePoint now) {
  OutlierRecord& record = *peers[whom].record;
  if (!policy_ || record.ejected_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::uint32_t errors = record.errors_.exchange(0, std::memory_order_relaxed);
  // A success, or somebody else who ejects it, came in between.
  const std::uint32_t least = policy_->consecutive_errors;
  if (least == 0 || errors < least) return std::nullopt;
  return take_out(whom, peers, EjectionCause::consecutive_errors,
                  fmt::format("{} error{}", errors, errors == 1 ? "" : "s"), now);
}

std::vector<Ejection> OutlierDetector::judge_shares(std::span<const OutlierPeer> peers,
                                                    TimePoint now) {
  std::vector<Ejection> out;
  if (!policy_ || now < interval_end_) return out;
  interval_end_ = now + policy_->interval;
  std::vector<Measured> all;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    OutlierRecord& record = *peers[i].record;
    if (record.refused_.load(std::memory_order_relaxed) == OutlierRecord::Refused::for_share) {
      record.refused_.store(OutlierRecord::Refused::no, std::memory_order_relaxed);
    }
    // Failures first: a try that comes in between counts as a request that did not fail.
    const std::uint32_t failures = record.failures_.exchange(0, std::memory_order_relaxed);
    const std::uint32_t requests = record.requests_.exchange(0, std::memory_order_relaxed);
    if (requests == 0 || requests < policy_->minimum_requests) continue;
    if (record.ejected_.load(std::memory_order_relaxed)) continue;
    all.push_back({i, requests, std::min(failures, requests)});
  }
  // The worst first, as not all may leave.
  std::ranges::stable_sort(all, std::ranges::greater(), &Measured::share);
  const std::vector<Measured>& measured = all;
  for (const Measured& one : measured) {
    if (one.share() < policy_->failure_share) break;
    if (measured.size() >= compared_peers && !stands_out(one, measured)) continue;
    auto ejection = take_out(
        one.peer, peers, EjectionCause::failure_share,
        fmt::format("{:.1f}% of {} requests failed", 100 * one.share(), one.requests), now);
    if (!ejection) continue;
    peers[one.peer].record->errors_.store(0, std::memory_order_relaxed);
    out.push_back(std::move(*ejection));
  }
  return out;
}

void OutlierDetector::let_in(OutlierRecord& record, TimePoint now) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  record.back_at_ = now;
  record.errors_.store(0, relaxed);
  record.requests_.store(0, relaxed);
  record.failures_.store(0, relaxed);
  record.refused_.store(OutlierRecord::Refused::no, relaxed);
  record.ejected_.store(false, relaxed);
}

bool OutlierDetector::ends(OutlierRecord& record, TimePoint now) const noexcept {
  if (!record.ejected_.load(std::memory_order_relaxed)) return false;
  if (policy_ && now < record.until_) return false;
  let_in(record, now);
  return true;
}

bool OutlierDetector::ends_by_check(OutlierRecord& record, TimePoint began,
                                    TimePoint now) const noexcept {
  if (!record.ejected_.load(std::memory_order_relaxed) || began < record.ejected_at_) return false;
  let_in(record, now);
  return true;
}

Deadline OutlierDetector::ejected_until(const OutlierRecord& record) noexcept {
  return record.ejected_.load(std::memory_order_relaxed) ? record.until_ : no_deadline;
}

std::optional<EjectionView> OutlierDetector::view(const OutlierRecord& record, TimePoint now) {
  if (!record.ejected_.load(std::memory_order_relaxed)) return std::nullopt;
  return EjectionView{record.why_, std::max(Duration::zero(), record.until_ - now)};
}

std::string OutlierDetector::refusal(const OutlierRecord& record) {
  const bool is_refused =
      record.refused_.load(std::memory_order_relaxed) != OutlierRecord::Refused::no;
  return is_refused ? record.refusal_ : std::string();
}

}  // namespace weir::control
