// One policy of `rate_limit`, and what it tells those who are limited. Any number of routes, all
// workers; its buckets go on over reloads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "middleware/type.hpp"
#include "weir/control/rate_limiter.hpp"
#include "weir/http/caller_key.hpp"

namespace weir {

class RateLimit final : public Middleware {
 public:
  RateLimit(std::string_view name, const config::RateLimit& spec,
            const MiddlewareServices& services);

  // Decides and notes it with the exchange; the answer's fields are RateLimitHeaders' work.
  Task<Response> handle(Request& request, Exchange& exchange, Next next) override;

  // How the request's caller stands, without a decision.
  control::RateLimiter::Decision look(const Request& request, const Exchange& exchange) const;
  control::Gcra::View view(const control::RateLimiter::Decision& decision) const noexcept {
    return limiter_->view(decision);
  }

  const std::string& name() const noexcept { return name_; }
  const std::string& policy_item() const noexcept { return policy_item_; }  // of RateLimit-Policy
  std::uint64_t burst() const noexcept { return burst_; }
  std::uint64_t cost() const noexcept { return cost_; }
  bool dry_run() const noexcept { return dry_run_; }

 private:
  static Task<Response> refuse(const RateLimit& policy, Duration wait, const Exchange& exchange);

  const std::string name_;
  const std::uint64_t burst_;
  const std::uint64_t cost_;
  const bool dry_run_;
  const CallerKey key_;
  const std::string policy_item_;
  const std::shared_ptr<control::RateLimiter> limiter_;
  const std::shared_ptr<telemetry::RateLimitMetrics> metrics_;
};

// What the policies of a route decided about one request, until its answer's head. Worker thread.
class RateLimitMarks final : public LayerNotes {
 public:
  struct Mark {
    const RateLimit* policy = nullptr;
    control::RateLimiter::Decision decision;
  };

  void add(const RateLimit& policy, const control::RateLimiter::Decision& decision) noexcept {
    if (count_ < marks_.size()) marks_[count_++] = {&policy, decision};
  }
  const Mark* find(const RateLimit& policy) const noexcept {
    for (const Mark& mark : std::span(marks_).first(count_)) {
      if (mark.policy == &policy) return &mark;
    }
    return nullptr;
  }

 private:
  std::array<Mark, 8> marks_;
  std::size_t count_ = 0;
};

std::shared_ptr<Middleware> make_rate_limit(const config::RateLimit& spec, const Making& with);
Explained explain_rate_limit(const config::RateLimit& spec, Explaining& asked);

// What stands around the whole chain of a route with rate limits, so that every answer says what is
// left, also one that was given before a limit was asked. Null for a chain without limits.
std::shared_ptr<Middleware> rate_limit_headers(std::span<const std::shared_ptr<Middleware>> chain);

}  // namespace weir
