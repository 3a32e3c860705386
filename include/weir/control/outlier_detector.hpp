// Which endpoints of an upstream are ejected for what their requests come to: so many errors in a
// row, or a share of failures that stands out. One an upstream, with a record an endpoint. A pure
// function of the times it is told.
//
// consecutive_errors  so many tries in a row failed.
// failure_share       at the end of each interval: of the endpoints with minimum_requests in it,
//                     one whose share of failures is reached. With five or more such endpoints, its
//                     share must also be above the mean of the others' by two of their standard
//                     deviations, so that what fails everywhere ejects nobody.
//
// An ejection lasts ejection_time times the number of ejections in a row, at most
// max_ejection_time. The row goes on when an endpoint is ejected again before it has been back for
// as long as it was to be out. Nobody is ejected beyond max_ejected, counted with that ejection,
// and nobody who is the last one in use.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::control {

struct OutlierPolicy {
  std::uint32_t consecutive_errors = 5;  // 0: they eject nobody
  double failure_share = 0;              // 0..1; 0: it ejects nobody
  std::uint32_t minimum_requests = 50;
  Duration interval = std::chrono::seconds(10);
  Duration ejection_time = std::chrono::seconds(30);  // above 0
  Duration max_ejection_time = std::chrono::seconds(300);
  double max_ejected = 0.5;  // 0..1, of the peers

  friend bool operator==(const OutlierPolicy&, const OutlierPolicy&) = default;
};

enum class EjectionCause : std::uint8_t { consecutive_errors, failure_share };
inline constexpr std::size_t ejection_cause_count = 2;
std::string_view name(EjectionCause cause) noexcept;

// What is known of one endpoint; it may outlive its detector.
class OutlierRecord {
 public:
  OutlierRecord() = default;
  OutlierRecord(const OutlierRecord&) = delete;
  OutlierRecord& operator=(const OutlierRecord&) = delete;

 private:
  friend class OutlierDetector;

  std::atomic<std::uint32_t> errors_{0};    // in a row
  std::atomic<std::uint32_t> requests_{0};  // of the interval
  std::atomic<std::uint32_t> failures_{0};  // of these
  std::atomic<bool> ejected_{false};
  TimePoint ejected_at_{};
  TimePoint until_{};
  Duration time_{};        // how long the last ejection was to last
  TimePoint back_at_{};    // when that ended
  std::uint32_t row_ = 0;  // ejections in a row; 0: never ejected
  std::string why_;
  // What an ejection was refused for: errors, which a success forgives, or a share, which the next
  // interval does.
  enum class Refused : std::uint8_t { no, for_errors, for_share };
  std::atomic<Refused> refused_{Refused::no};
  std::string refusal_;
};

// An endpoint that takes requests as far as its operator is concerned.
struct OutlierPeer {
  OutlierRecord* record = nullptr;
  bool healthy = true;  // by its checks
};

struct Ejection {
  std::size_t peer = 0;  // its place among the peers
  EjectionCause cause = EjectionCause::consecutive_errors;
  std::string why;  // "5 errors"
  Duration time{};  // how long it lasts
};

// Of whoever is ejected.
struct EjectionView {
  std::string why;
  Duration left{};  // not negative

  std::string to_text() const;  // "ejected: 5 errors, 22 s left"
};

class OutlierDetector {
 public:
  static constexpr std::size_t compared_peers = 5;
  static constexpr double deviations = 2;

  // --- any thread

  bool on() const noexcept { return on_.load(std::memory_order_relaxed); }
  // What a try came to; true: call eject(). Costs a few loads of whoever does not fail and has not.
  bool tried(OutlierRecord& record, bool failed) const noexcept;

  // --- one thread at a time

  // Nothing for none: whoever is ejected is let in by the next ends().
  void apply(const std::optional<OutlierPolicy>& policy, TimePoint now);
  // After tried(): nothing where it is not ejected, and its errors count anew. REQUIRES: `whom` is
  // a place among `peers`.
  std::optional<Ejection> eject(std::size_t whom, std::span<const OutlierPeer> peers,
                                TimePoint now);
  // Ejects for shares of failures, once the interval is over.
  std::vector<Ejection> judge_shares(std::span<const OutlierPeer> peers, TimePoint now);
  // When judge_shares() has something to do.
  Deadline interval_end() const noexcept { return interval_end_; }
  // The ejection of `record` ends by now. True when one did.
  bool ends(OutlierRecord& record, TimePoint now) const noexcept;
  // A check that began at `began` passed, which ends an ejection from before. True when one did.
  bool ends_by_check(OutlierRecord& record, TimePoint began, TimePoint now) const noexcept;
  // Until when it is ejected; no_deadline for who is not.
  static Deadline ejected_until(const OutlierRecord& record) noexcept;
  static std::optional<EjectionView> view(const OutlierRecord& record, TimePoint now);
  // Why it is not ejected though it should be: "5 errors, but max_ejected is reached"; "" for who
  // is, or behaves.
  static std::string refusal(const OutlierRecord& record);
  // Ejections so far, by cause.
  const std::array<std::uint64_t, ejection_cause_count>& counts() const noexcept { return counts_; }

 private:
  // What keeps it in, null: nothing. REQUIRES: it is healthy.
  const char* obstacle(std::size_t whom, std::span<const OutlierPeer> peers) const noexcept;
  // Nothing where something keeps it in.
  std::optional<Ejection> take_out(std::size_t whom, std::span<const OutlierPeer> peers,
                                   EjectionCause cause, std::string why, TimePoint now);
  static void let_in(OutlierRecord& record, TimePoint now) noexcept;

  std::atomic<bool> on_{false};
  std::atomic<std::uint32_t> consecutive_errors_{0};
  std::atomic<bool> counts_shares_{false};
  std::optional<OutlierPolicy> policy_;
  Deadline interval_end_ = no_deadline;
  std::array<std::uint64_t, ejection_cause_count> counts_{};
};

}  // namespace weir::control
