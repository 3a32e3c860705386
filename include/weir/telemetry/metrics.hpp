// All series of the process and their text for /metrics. One per process, made before the workers
// and destroyed after them. Series are found by name under a lock when a snapshot is compiled; on
// the hot path a worker only touches the shard it holds on to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/metrics.hpp"
#include "weir/telemetry/jwt_metrics.hpp"
#include "weir/telemetry/listener_metrics.hpp"
#include "weir/telemetry/policy_metrics.hpp"
#include "weir/telemetry/provider_metrics.hpp"
#include "weir/telemetry/route_metrics.hpp"
#include "weir/telemetry/scrape.hpp"
#include "weir/telemetry/span_metrics.hpp"
#include "weir/telemetry/upstream_metrics.hpp"

namespace weir::telemetry {

class AccessLog;
class SeriesCeilings;

class Metrics {
 public:
  // `workers`: shards 0..workers-1 are theirs, main_slot() is the main thread's.
  Metrics(unsigned workers, std::string_view version, std::string_view io_backend);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  unsigned main_slot() const noexcept { return workers_; }

  // The series of that name, the same as long as anyone holds it. When the last holder let go its
  // gauges leave at once, and five minutes later the series. Any thread; takes a lock. A request
  // with no route is route("-").
  std::shared_ptr<RouteMetrics> route(std::string_view name);
  std::shared_ptr<SplitMetrics> split(std::string_view route, std::string_view upstream);
  std::shared_ptr<UpstreamMetrics> upstream(std::string_view name);
  std::shared_ptr<EndpointMetrics> endpoint(std::string_view upstream, std::string_view address);
  std::shared_ptr<ZoneMetrics> zone(std::string_view upstream, std::string_view zone);
  std::shared_ptr<ListenerMetrics> listener(std::string_view name);
  std::shared_ptr<RateLimitMetrics> rate_limit(std::string_view policy);
  std::shared_ptr<LoadShedMetrics> load_shed(std::string_view policy);
  std::shared_ptr<CertificateMetrics> certificate(std::string_view listener, std::string_view name);
  std::shared_ptr<JwtMetrics> jwt(std::string_view policy);
  // Shows `last_success` from now on.
  std::shared_ptr<JwtKeysMetrics> jwt_keys(std::string_view policy, std::string_view issuer,
                                           std::shared_ptr<const SharedValue> last_success);
  std::shared_ptr<MirrorMetrics> mirror(std::string_view route, std::string_view upstream);
  std::shared_ptr<FallbackMetrics> fallback(std::string_view route);
  std::shared_ptr<ProviderMetrics> provider(std::string_view name);

  // Share of its time that a worker was busy, 0..1; set by that worker or by a hook.
  // REQUIRES: worker < workers.
  SharedValue& utilization(unsigned worker) noexcept { return utilization_[worker]; }

  // Seconds that a worker is late, as `utilization`; below 0: not measured, no series.
  SharedValue& lag(unsigned worker) noexcept { return lags_[worker]; }

  SharedValue saturation;          // weir_saturation_ratio
  SharedValue memory{-1};          // weir_memory_used_ratio; below 0: not measured
  SharedValue config_generation;   // weir_config_generation
  SharedValue config_snapshots;    // weir_config_snapshots
  SharedValue config_rolled_back;  // weir_config_rolled_back: 1 while a rollback holds
  SharedValue upgrades_succeeded;  // weir_upgrades_total
  SharedValue upgrades_failed;
  SpanMetrics spans;  // weir_spans_total
  void reloaded(
      bool success) noexcept;  // weir_config_reloads_total and ..._successful; main thread

  // Where weir_access_log_dropped_total comes from; null for nowhere. `log` outlives this.
  void watch(const AccessLog* log) noexcept { access_log_ = log; }
  // Called at the start of each scrape, on its thread, to set what others own (saturation,
  // healthy). Main thread, before the first scrape.
  void on_scrape(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }
  // The number of this scrape, for hooks: the gauges of an upstream or endpoint that an earlier one
  // showed and this one did not are gone. Main thread.
  std::uint64_t scrape_number() const noexcept { return scrapes_; }

  // Lets go of series that have left. Each scrape does; after a reload it makes the five minutes
  // count from there. Any thread.
  void sweep(TimePoint now);
  // What is shown, from the next scrape on. Any thread.
  void configure(const config::Metrics& settings);

  // A scrape has two steps. The first one lets the hooks tell what others own, and lets go of what
  // has left by `now`. Main thread.
  void begin_scrape(TimePoint now);
  // The second one writes the text of what was asked for. Any thread; nobody calls begin_scrape()
  // or text() meanwhile.
  std::string text(const ScrapeRequest& asked);
  // Both. Main thread.
  std::string scrape(TimePoint now, const ScrapeRequest& asked = {}) {
    begin_scrape(now);
    return text(asked);
  }

 private:
  friend class Exposition;
  using Key = std::pair<std::string, std::string>;
  template <class Series>
  struct Held {
    std::shared_ptr<Series> series;
    Deadline leaves = no_deadline;  // set when nobody else holds it
  };
  template <class Series>
  using Table = std::map<Key, Held<Series>>;

  template <class Series, class Make>
  std::shared_ptr<Series> find(Table<Series>& table, std::string_view first,
                               std::string_view second, Make make);
  template <class Series>
  static void sweep(Table<Series>& table, TimePoint now);

  unsigned workers_;
  std::string version_;
  std::string io_backend_;
  std::unique_ptr<SharedValue[]> utilization_;
  std::unique_ptr<SharedValue[]> lags_;
  Counter reloads_succeeded_;
  Counter reloads_failed_;
  SharedValue last_reload_successful_{1};
  const AccessLog* access_log_ = nullptr;
  std::vector<std::function<void()>> hooks_;
  std::uint64_t scrapes_ = 0;

  std::mutex mutex_;  // guards what follows, not the cells
  config::Metrics settings_;
  std::unique_ptr<SeriesCeilings> ceilings_;
  Table<RouteMetrics> routes_;
  Table<SplitMetrics> splits_;
  Table<UpstreamMetrics> upstreams_;
  Table<EndpointMetrics> endpoints_;
  Table<ZoneMetrics> zones_;
  Table<ListenerMetrics> listeners_;
  Table<RateLimitMetrics> rate_limits_;
  Table<LoadShedMetrics> load_sheds_;
  Table<CertificateMetrics> certificates_;
  Table<JwtMetrics> jwts_;
  Table<JwtKeysMetrics> jwt_keys_;
  Table<MirrorMetrics> mirrors_;
  Table<FallbackMetrics> fallbacks_;
  Table<ProviderMetrics> providers_;
};

}  // namespace weir::telemetry
