#include "weir/proxy/mirror.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/recorded_body.hpp"
#include "weir/control/share_sampler.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::proxy {
namespace {

class MirrorHandler final : public Handler {
 public:
  MirrorHandler(const config::Route& route, SideTarget shadow,
                std::shared_ptr<telemetry::MirrorMetrics> metrics,
                std::span<const std::unique_ptr<Shadows>> shadows, std::unique_ptr<Handler> last)
      : route_(route),
        shadow_(std::move(shadow)),
        metrics_(std::move(metrics)),
        shadows_(shadows),
        last_(std::move(last)) {
    for (std::size_t i = 0; i < shadows.size(); ++i) {
      samples_.push_back(Sample{{route.mirror->sample, std::hash<std::string>{}(route.name) + i}});
    }
  }

  // The copy is made when the forwarder is done with the head: it then is as it was forwarded.
  Task<Response> handle(Request& request, Exchange& exchange) override {
    const unsigned worker = exchange.context.connection.worker;
    const bool picked = samples_[worker].share.pick();
    std::optional<Shadows::Place> place =
        picked ? take_place(request.head, worker) : std::optional<Shadows::Place>();
    if (!place) co_return co_await last_->handle(request, exchange);
    if (request.body != nullptr) {
      RecordedBody& recorded =
          exchange.own(std::make_unique<RecordedBody>(*request.body, std::move(*place)));
      request.body = &recorded;
      Response response = co_await last_->handle(request, exchange);
      if (was_forwarded(exchange)) recorded.send_as(copy(request, exchange));
      co_return response;
    }
    Response response = co_await last_->handle(request, exchange);
    if (was_forwarded(exchange)) {
      shadows_[worker]->send(copy(request, exchange), std::move(*place));
    }
    co_return response;
  }

 private:
  // A cache line each: workers write theirs for every request.
  struct alignas(64) Sample {
    control::ShareSampler share;
  };

  static bool was_forwarded(const Exchange& exchange) noexcept {
    return exchange.record.attempts() != 0 && !exchange.scope.cancelled();
  }

  // A conversation cannot be copied, and content that is known to be too long not either.
  std::optional<Shadows::Place> take_place(const RequestHead& head, unsigned worker) const {
    if (head.upgrade_websocket) return std::nullopt;
    telemetry::MirrorShard& counts = metrics_->shard(worker);
    const bool too_long =
        head.framing == Framing::length && head.content_length > Shadows::most_content;
    if (too_long) counts.dropped.add();
    std::optional<Shadows::Place> place =
        too_long ? std::optional<Shadows::Place>()
                 : shadows_[worker]->take_place(shadow_.cluster->name(), counts);
    if (!place && telemetry::log::enabled(telemetry::log::Level::debug)) {
      telemetry::log::debug(
          "request not mirrored",
          {{"route", route_.name}, {"why", too_long ? "content too long" : "too many copies"}});
    }
    return place;
  }

  std::unique_ptr<RequestCopy> copy(const Request& request, const Exchange& exchange) const {
    return std::make_unique<RequestCopy>(shadow_, request.head, exchange, route_.timeout);
  }

  const config::Route& route_;
  const SideTarget shadow_;
  const std::shared_ptr<telemetry::MirrorMetrics> metrics_;
  const std::span<const std::unique_ptr<Shadows>> shadows_;
  const std::unique_ptr<Handler> last_;
  std::vector<Sample> samples_;
};

}  // namespace

std::unique_ptr<Handler> make_mirror(const config::Route& route, SideTarget shadow,
                                     std::shared_ptr<telemetry::MirrorMetrics> metrics,
                                     std::span<const std::unique_ptr<Shadows>> shadows,
                                     std::unique_ptr<Handler> last) {
  return std::make_unique<MirrorHandler>(route, std::move(shadow), std::move(metrics), shadows,
                                         std::move(last));
}

}  // namespace weir::proxy
