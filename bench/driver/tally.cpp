#include "driver/tally.hpp"

#include <numeric>

namespace weir::bench {

std::string_view name(Failure failure) noexcept {
  static constexpr std::array<std::string_view, failure_count> names{
      "connect_failed", "connect_timeout", "tls_failed", "reset",
      "bad_response",   "incomplete",      "timeout"};
  return names[static_cast<std::size_t>(failure)];
}

Failure failure_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::connect_failed:
      return Failure::connect_failed;
    case Reason::connect_timeout:
      return Failure::connect_timeout;
    case Reason::upstream_tls_failed:
      return Failure::tls_failed;
    case Reason::upstream_bad_response:
    case Reason::upstream_headers_too_large:
      return Failure::bad_response;
    case Reason::upstream_incomplete:
      return Failure::incomplete;
    case Reason::request_timeout:
      return Failure::timeout;
    default:
      return Failure::reset;
  }
}

std::string_view name(Omission omission) noexcept {
  static constexpr std::array<std::string_view, omission_count> names{"no_room", "waited_out"};
  return names[static_cast<std::size_t>(omission)];
}

std::uint64_t Tally::failed() const noexcept {
  return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
}

std::uint64_t Tally::omitted() const noexcept {
  return std::accumulate(omissions.begin(), omissions.end(), std::uint64_t{0});
}

void Tally::add(const Tally& other) {
  due += other.due;
  sent += other.sent;
  sent_again += other.sent_again;
  answered += other.answered;
  ok += other.ok;
  good += other.good;
  bytes += other.bytes;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  for (std::size_t i = 0; i < failure_count; ++i) failures[i] += other.failures[i];
  for (std::size_t i = 0; i < omission_count; ++i) omissions[i] += other.omissions[i];
  latency.add(other.latency);
  latency_ok.add(other.latency_ok);
  sent_after.add(other.sent_after);
  lateness.add(other.lateness);
}

void Second::add(const Second& other) {
  due += other.due;
  answered += other.answered;
  ok += other.ok;
  good += other.good;
  failed += other.failed;
  omitted += other.omitted;
  latency_ok.add(other.latency_ok);
}

}  // namespace weir::bench
