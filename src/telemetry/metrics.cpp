#include "weir/telemetry/metrics.hpp"

#include <iterator>

#include "telemetry/exposition.hpp"
#include "telemetry/series_ceiling.hpp"

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;
constexpr Duration stays = 5min;

}  // namespace

Metrics::Metrics(unsigned workers, std::string_view version, std::string_view io_backend)
    : workers_(workers),
      version_(version),
      io_backend_(io_backend),
      utilization_(std::make_unique<SharedValue[]>(workers)),
      lags_(std::make_unique<SharedValue[]>(workers)),
      ceilings_(std::make_unique<SeriesCeilings>()) {
  for (unsigned i = 0; i < workers; ++i) lags_[i].set(-1);
}

Metrics::~Metrics() = default;

template <class Series, class Make>
std::shared_ptr<Series> Metrics::find(Table<Series>& table, std::string_view first,
                                      std::string_view second, Make make) {
  Key key{first, second};
  const std::lock_guard lock(mutex_);
  Held<Series>& held = table[std::move(key)];
  if (!held.series) held.series = make();
  held.leaves = no_deadline;
  return held.series;
}

std::shared_ptr<RouteMetrics> Metrics::route(std::string_view name) {
  return find(routes_, name, {},
              [&] { return std::make_shared<RouteMetrics>(std::string(name), workers_ + 1); });
}

std::shared_ptr<SplitMetrics> Metrics::split(std::string_view route, std::string_view upstream) {
  return find(splits_, route, upstream, [&] {
    return std::make_shared<SplitMetrics>(std::string(route), std::string(upstream), workers_ + 1);
  });
}

std::shared_ptr<UpstreamMetrics> Metrics::upstream(std::string_view name) {
  return find(upstreams_, name, {},
              [&] { return std::make_shared<UpstreamMetrics>(std::string(name), workers_ + 1); });
}

std::shared_ptr<EndpointMetrics> Metrics::endpoint(std::string_view upstream,
                                                   std::string_view address) {
  return find(endpoints_, upstream, address, [&] {
    return std::make_shared<EndpointMetrics>(std::string(upstream), std::string(address),
                                             workers_ + 1);
  });
}

std::shared_ptr<ZoneMetrics> Metrics::zone(std::string_view upstream, std::string_view zone) {
  return find(zones_, upstream, zone, [&] {
    return std::make_shared<ZoneMetrics>(std::string(upstream), std::string(zone), workers_ + 1);
  });
}

std::shared_ptr<ListenerMetrics> Metrics::listener(std::string_view name) {
  return find(listeners_, name, {},
              [&] { return std::make_shared<ListenerMetrics>(std::string(name), workers_ + 1); });
}

std::shared_ptr<CertificateMetrics> Metrics::certificate(std::string_view listener,
                                                         std::string_view name) {
  return find(certificates_, listener, name, [] { return std::make_shared<CertificateMetrics>(); });
}

std::shared_ptr<JwtMetrics> Metrics::jwt(std::string_view policy) {
  return find(jwts_, policy, {},
              [&] { return std::make_shared<JwtMetrics>(std::string(policy), workers_ + 1); });
}

std::shared_ptr<JwtKeysMetrics> Metrics::jwt_keys(std::string_view policy, std::string_view issuer,
                                                  std::shared_ptr<const SharedValue> last_success) {
  auto series = find(jwt_keys_, policy, issuer, [] { return std::make_shared<JwtKeysMetrics>(); });
  const std::lock_guard lock(mutex_);
  series->last_success = std::move(last_success);
  return series;
}

std::shared_ptr<MirrorMetrics> Metrics::mirror(std::string_view route, std::string_view upstream) {
  return find(mirrors_, route, upstream, [&] {
    return std::make_shared<MirrorMetrics>(std::string(route), std::string(upstream), workers_ + 1);
  });
}

std::shared_ptr<FallbackMetrics> Metrics::fallback(std::string_view route) {
  return find(fallbacks_, route, {},
              [&] { return std::make_shared<FallbackMetrics>(std::string(route), workers_ + 1); });
}

std::shared_ptr<ProviderMetrics> Metrics::provider(std::string_view name) {
  return find(providers_, name, {}, [] { return std::make_shared<ProviderMetrics>(); });
}

void Metrics::reloaded(bool success) noexcept {
  (success ? reloads_succeeded_ : reloads_failed_).add();
  last_reload_successful_.set(success ? 1 : 0);
}

std::shared_ptr<RateLimitMetrics> Metrics::rate_limit(std::string_view policy) {
  return find(rate_limits_, policy, {}, [&] {
    return std::make_shared<RateLimitMetrics>(std::string(policy), workers_ + 1);
  });
}

std::shared_ptr<LoadShedMetrics> Metrics::load_shed(std::string_view policy) {
  return find(load_sheds_, policy, {},
              [&] { return std::make_shared<LoadShedMetrics>(std::string(policy), workers_ + 1); });
}

template <class Series>
void Metrics::sweep(Table<Series>& table, TimePoint now) {
  for (auto entry = table.begin(); entry != table.end();) {
    Held<Series>& held = entry->second;
    // Nobody can take hold of it meanwhile: that goes through find(), under the lock.
    const bool abandoned = held.series.use_count() == 1;
    if (!abandoned) {
      held.leaves = no_deadline;
    } else if (held.leaves == no_deadline) {
      held.leaves = now + stays;
    }
    entry = abandoned && now >= held.leaves ? table.erase(entry) : std::next(entry);
  }
}

void Metrics::sweep(TimePoint now) {
  const std::lock_guard lock(mutex_);
  sweep(routes_, now);
  sweep(splits_, now);
  sweep(upstreams_, now);
  sweep(endpoints_, now);
  sweep(zones_, now);
  sweep(listeners_, now);
  sweep(rate_limits_, now);
  sweep(load_sheds_, now);
  sweep(certificates_, now);
  sweep(jwts_, now);
  sweep(jwt_keys_, now);
  sweep(mirrors_, now);
  sweep(fallbacks_, now);
  sweep(providers_, now);
}

void Metrics::configure(const config::Metrics& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

void Metrics::begin_scrape(TimePoint now) {
  ++scrapes_;
  for (const auto& hook : hooks_) hook();
  sweep(now);
}

std::string Metrics::text(const ScrapeRequest& asked) {
  const std::lock_guard lock(mutex_);
  const Writing writing{.asked = asked, .settings = settings_, .ceilings = *ceilings_};
  return Exposition(*this, writing).text();
}

}  // namespace weir::telemetry
