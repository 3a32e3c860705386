#include <fmt/format.h>

#include "middleware/types.hpp"
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
  Permit(std::shared_ptr<control::ConcurrencyLimiter> limiter,
         control::ConcurrencyLimiter::Place place) noexcept
      : limiter_(std::move(limiter)), place_(place) {}
  ~Permit() override { control::ConcurrencyLimiter::release(place_); }
  bool settled() const noexcept override { return true; }

 private:
  const std::shared_ptr<control::ConcurrencyLimiter> limiter_;
  const control::ConcurrencyLimiter::Place place_;
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
    const std::span<const std::string> params =
        exchange.route != nullptr ? std::span<const std::string>(exchange.route->match.path_params)
                                  : std::span<const std::string>();
    const CallerKey::Bytes caller = key_.of(request, exchange, params);
    const auto place = limiter_->enter(caller.view());
    if (place == nullptr) {
      exchange.limit_key = key_.text(caller);
      return refuse(exchange);
    }
    exchange.own(std::make_unique<Permit>(limiter_, place));
    return next(request, exchange);
  }

 private:
  Task<Response> refuse(const Exchange& exchange) const {
    co_return problem(Reason::concurrency_limited,
                      fmt::format("the limit {} is used up: too many requests at once", name_),
                      exchange.request_id());
  }

  const std::string name_;
  const CallerKey key_;
  const std::shared_ptr<control::ConcurrencyLimiter> limiter_;
};

}  // namespace

std::shared_ptr<Middleware> make_concurrency_limit(std::string_view name,
                                                   const config::ConcurrencyLimit& spec,
                                                   const MiddlewareServices& services) {
  return std::make_shared<ConcurrencyLimit>(name, spec, services);
}

}  // namespace weir
