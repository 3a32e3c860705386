// What a fetch keeps where its route has `retry`: the content, its part of the upstream's budget,
// which endpoints asked to be left alone, and the next retry's pause and place. Owned by the fetch;
// worker thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/fetch/again.hpp"
#include "proxy/fetch/plan.hpp"
#include "proxy/fetch/replayed_content.hpp"
#include "proxy/upstream_record.hpp"
#include "weir/control/retry_budget.hpp"
#include "weir/http/body.hpp"
#include "weir/upstream/tried.hpp"

namespace weir::proxy {

class Retrying {
 public:
  // All outlive it. REQUIRES: plan.retry.
  Retrying(const FetchPlan& plan, const Request& request, UpstreamRecord& record);
  ~Retrying() { give_content_back(); }
  Retrying(const Retrying&) = delete;
  Retrying& operator=(const Retrying&) = delete;

  const RetryRule& rule() const noexcept { return *plan_.retry; }
  ReplayedContent* content() noexcept { return content_ ? &*content_ : nullptr; }
  bool allowed() const noexcept { return allowed_; }
  unsigned retries() const noexcept { return retries_; }

  // The endpoint wants to be left alone for so long.
  void bind(std::uint64_t endpoint, TimePoint until);
  // How long the next retry waits, where there may be one: `tried` then says where it may go, and
  // the retry has its place in the budget. Nothing: what came is what the client gets.
  std::optional<Duration> prepare(upstream::Tried& tried, const control::BreakerCall& call);
  // The pause is over: the retry is under way.
  void begin() noexcept;
  // Whether the request of a retry counts among those in flight.
  void set_in_flight(bool is) noexcept {
    if (permit_) permit_->set_in_flight(is);
  }
  // The retry under way, if any, has come to this; counted once.
  void came_to(bool success) noexcept;
  // Another retry was wanted, and the content is gone.
  void lost_content() noexcept { record_.retry(telemetry::RetryResult::not_replayable); }
  // What was kept goes to the plan's `content`, which another fetch may read: no try follows.
  void give_content_back() noexcept;
  // No further retry.
  void end() noexcept { permit_.reset(); }

 private:
  struct Bound {
    std::uint64_t endpoint;
    TimePoint until;
  };

  // Where the retry goes; the least time before.
  std::optional<Duration> choose(upstream::Tried& tried);

  const FetchPlan& plan_;
  UpstreamRecord& record_;
  const bool allowed_;
  std::optional<ReplayedContent> content_;
  std::optional<control::RetryBudget::Permit> permit_;
  std::vector<Bound> bound_;
  unsigned retries_ = 0;
  bool under_way_ = false;
  bool keeps_for_plan_ = false;  // its `content` does not keep what this one keeps
};

}  // namespace weir::proxy
