#include "middleware/concurrency_limit/concurrency_limit.hpp"

#include <fmt/format.h>

#include "weir/config/model.hpp"
#include "weir/control/concurrency_limiter.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/caller_key.hpp"

namespace weir {
namespace {

// A place among the caller's requests in flight, given back with the answer's last byte. It keeps
// the counts, which outlive the middleware when a tunnel outlives its snapshot.
class Permit final : public ExchangePart {
 public:
  explicit Permit(std::shared_ptr<control::ConcurrencyLimiter> limiter) noexcept
      : limiter_(std::move(limiter)) {}
  ~Permit() override {
    if (place_ != nullptr) control::ConcurrencyLimiter::release(place_);
  }
  bool settled() const noexcept override { return true; }

  // False when the caller has as many in flight as it may.
  bool enter(std::string_view caller) { return (place_ = limiter_->enter(caller)) != nullptr; }

 private:
  const std::shared_ptr<control::ConcurrencyLimiter> limiter_;
  control::ConcurrencyLimiter::Place place_ = nullptr;
};

// At most so many requests of a caller in flight at once, from here to the last byte of the answer;
// a tunnel counts until it is closed. The counts go on over reloads.
class ConcurrencyLimit final : public Middleware {
 public:
  ConcurrencyLimit(std::string_view name, const config::ConcurrencyLimit& spec,
                   const MiddlewareServices& services)
      : name_(name),
        key_(spec.key.parts),
        limiter_(services.kept.get<control::ConcurrencyLimiter>(
            name, fmt::format("{} by {}", spec.limit, to_text(spec.key)),
            [&] { return std::make_shared<control::ConcurrencyLimiter>(spec.limit); })) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    const CallerKey::Bytes caller = key_.of(request, exchange, exchange.context.path_param_names());
    // Made first: without memory for it no place is taken.
    auto permit = std::make_unique<Permit>(limiter_);
    if (!permit->enter(caller.view())) {
      exchange.decisions.limit_key = key_.text(caller);
      return refuse(exchange);
    }
    exchange.own(std::move(permit));
    return next(request, exchange);
  }

 private:
  Task<Response> refuse(const Exchange& exchange) const {
    co_return problem(Reason::concurrency_limited,
                      fmt::format("the limit {} is used up: too many requests at once", name_),
                      exchange.context.request_id());
  }

  const std::string name_;
  const CallerKey key_;
  const std::shared_ptr<control::ConcurrencyLimiter> limiter_;
};

}  // namespace

std::shared_ptr<Middleware> make_concurrency_limit(const config::ConcurrencyLimit& spec,
                                                   const Making& with) {
  return std::make_shared<ConcurrencyLimit>(with.name, spec, with.services);
}

// Only a running gateway knows how many are in flight.
Explained explain_concurrency_limit(const config::ConcurrencyLimit& spec, Explaining&) {
  return {.text = fmt::format("concurrency_limit: at most {} in flight, by {}", spec.limit,
                              to_text(spec.key))};
}

}  // namespace weir
