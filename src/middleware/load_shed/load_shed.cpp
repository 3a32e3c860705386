#include "middleware/load_shed/load_shed.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "weir/http/answer.hpp"
#include "weir/middleware/load_shedder.hpp"

namespace weir {
namespace {

// The route's; a request without one is like any other.
Priority priority_of_route(const Exchange& exchange) noexcept {
  const RouteFacts* const route = exchange.context.route;
  return route != nullptr ? route->priority : Priority::normal;
}

// Which priorities go is measured and decided on the main thread: a request costs a load here.
class LoadShed final : public Middleware {
 public:
  explicit LoadShed(std::shared_ptr<LoadShedder> shedder) : shedder_(std::move(shedder)) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    const unsigned worker = exchange.context.connection.worker;
    const control::ShedVerdict now = shedder_->verdict(worker);
    const Priority priority = priority_of_route(exchange);
    if (!now.refuses(priority)) [[likely]]
      return next(request, exchange);
    shedder_->count(worker, priority, now.cause);
    return refuse(exchange, priority, now.cause);
  }

 private:
  static Task<Response> refuse(const Exchange& exchange, Priority priority,
                               control::ShedCause cause) {
    co_return problem(Reason::shed,
                      fmt::format("the gateway is overloaded ({}): requests of priority {} are "
                                  "refused",
                                  control::name(cause), name(priority)),
                      exchange.context.request_id());
  }

  const std::shared_ptr<LoadShedder> shedder_;
};

}  // namespace

std::shared_ptr<Middleware> make_load_shed(const config::LoadShed& spec, const Making& with) {
  return std::make_shared<LoadShed>(load_shedder(with.services.kept, with.name, spec,
                                                 with.services.workers, with.services.metrics));
}

// Only a running gateway knows how full it is.
Explained explain_load_shed(const config::LoadShed& spec, Explaining& asked) {
  const Priority priority = priority_of_route(asked.exchange);
  if (priority == Priority::critical) {
    return {.text = "load_shed: priority critical is never refused"};
  }
  const control::LoadFigures limits = limits_of(spec);
  std::string from;
  for (const control::ShedCause source : control::load_sources) {
    const double limit = limits.of(source);
    if (limit == 0) continue;
    from += fmt::format("{}{} {}", from.empty() ? "" : ", ", control::name(source),
                        measure_text(source, control::shed_threshold(source, limit, priority)));
  }
  return {.text = fmt::format("load_shed: priority {} is refused from {}", name(priority), from)};
}

}  // namespace weir
