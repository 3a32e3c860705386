#include "weir/upstream/health_watch.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <list>
#include <map>
#include <new>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "upstream/health_check_run.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/signals.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"

namespace weir::upstream {
namespace {

// At a time, in the whole process: descriptors and handshakes are bounded, however many endpoints
// there are.
constexpr std::size_t most_checks = 64;

// What is asked of an endpoint, as far as its answers depend on it.
std::string subject_of(const config::Upstream& upstream) {
  const config::HealthCheck& check = *upstream.health_check;
  std::string out = fmt::format("{} {} {} host={} port={} service={} body={} protocol={} tls={}",
                                static_cast<int>(check.type), check.method, check.path, check.host,
                                check.port, check.service, check.body,
                                static_cast<int>(upstream.protocol), upstream.tls.has_value());
  for (const auto& [name, value] : check.headers) out += fmt::format(" {}: {}\n", name, value);
  for (const config::StatusRange& range : check.expect) {
    out += fmt::format(" {}-{}", range.first, range.last);
  }
  return out;
}

}  // namespace

// All of it on its own thread, the mailbox of its loop aside.
class HealthWatch::Watcher {
 public:
  using Clusters = std::vector<std::shared_ptr<Cluster>>;

  Watcher() : tasks_(loop_), ending_(loop_), random_(std::random_device()()) {}

  net::Loop& loop() noexcept { return loop_; }
  void watch(const Clusters& clusters);
  void look_at(Cluster& cluster);
  // The loop stops when the last task has ended.
  void stop();

 private:
  // The checks of one endpoint. Kept by its task, too.
  struct Checks {
    Checks(net::Loop& loop, std::shared_ptr<Endpoint> of) : endpoint(std::move(of)), waiter(loop) {}

    const std::shared_ptr<Endpoint> endpoint;
    net::Waiter waiter;
    CancelScope scope;        // cancelled: no further check
    bool asked_anew = false;  // something else is asked from now on
  };
  struct Watched {
    Watched(net::Loop& loop, const std::shared_ptr<Cluster>& of) : cluster(of), waiter(loop) {}

    const std::weak_ptr<Cluster> cluster;
    net::Waiter waiter;  // of who keeps its ejections
    bool stopped = false;
    std::string subject;
    std::optional<config::HealthCheck> check;
    std::shared_ptr<net::TlsClient> tls;
    std::map<std::uint64_t, std::shared_ptr<Checks>> endpoints;  // by their id
  };

  void look_at(Watched& watched, Cluster& cluster);
  static void end(Checks& checks) noexcept;
  static void end(Watched& watched) noexcept;
  Task<> keep_ejections(std::shared_ptr<Watched> watched);
  Task<> check(std::shared_ptr<Watched> watched, std::shared_ptr<Checks> checks);
  Task<> check_once(const Watched& watched, Checks& checks);
  Task<bool> enter(Checks& checks);
  void leave() noexcept;
  void wake_next() noexcept;
  TimePoint next_after(TimePoint began, const config::HealthCheck& check);
  Task<> end_with_tasks();

  net::Loop loop_;
  net::TaskGroup tasks_;
  net::TaskGroup ending_;
  std::minstd_rand random_;
  std::unordered_map<const Cluster*, std::shared_ptr<Watched>> watched_;
  std::size_t running_ = 0;
  std::list<net::Waiter*> waiting_;  // for a place among `most_checks`
  bool stopping_ = false;
};

void HealthWatch::Watcher::watch(const Clusters& clusters) {
  if (stopping_) return;
  std::unordered_set<const Cluster*> listed;
  for (const std::shared_ptr<Cluster>& cluster : clusters) listed.insert(cluster.get());
  std::erase_if(watched_, [&](const auto& entry) {
    // Another one may stand where it stood.
    const bool stays = !entry.second->cluster.expired() && listed.contains(entry.first);
    if (!stays) end(*entry.second);
    return !stays;
  });
  for (const std::shared_ptr<Cluster>& cluster : clusters) {
    std::shared_ptr<Watched>& watched = watched_[cluster.get()];
    if (!watched) {
      watched = std::make_shared<Watched>(loop_, cluster);
      tasks_.spawn(keep_ejections(watched));
    }
    look_at(*watched, *cluster);
  }
}

void HealthWatch::Watcher::look_at(Cluster& cluster) {
  const auto found = watched_.find(&cluster);
  if (!stopping_ && found != watched_.end()) look_at(*found->second, cluster);
}

void HealthWatch::Watcher::look_at(Watched& watched, Cluster& cluster) {
  watched.waiter.notify();
  const std::shared_ptr<const Cluster::State> state = cluster.state();
  const config::Upstream& settings = state->settings;
  const bool on = settings.health_check.has_value() && !state->retired;
  std::erase_if(watched.endpoints, [&](const auto& entry) {
    const bool stays =
        on && std::ranges::find(state->endpoints, entry.second->endpoint) != state->endpoints.end();
    if (!stays) end(*entry.second);
    return !stays;
  });
  const bool anew = on && (watched.check != settings.health_check || watched.tls != state->tls ||
                           watched.subject != subject_of(settings));
  watched.subject = on ? subject_of(settings) : std::string();
  watched.check = settings.health_check;
  watched.tls = state->tls;
  for (const std::shared_ptr<Endpoint>& endpoint : state->endpoints) {
    cluster.check_asks(*endpoint, watched.subject, loop_.now());
    if (!on) continue;
    std::shared_ptr<Checks>& checks = watched.endpoints[endpoint->id()];
    if (!checks) {
      checks = std::make_shared<Checks>(loop_, endpoint);
      const auto found = watched_.find(&cluster);
      tasks_.spawn(check(found->second, checks));
    } else if (anew) {
      checks->asked_anew = true;
      checks->waiter.notify();
    }
  }
}

void HealthWatch::Watcher::end(Checks& checks) noexcept {
  checks.scope.cancel(Reason::draining);
  checks.waiter.notify();
}

void HealthWatch::Watcher::end(Watched& watched) noexcept {
  for (const auto& [id, checks] : watched.endpoints) end(*checks);
  watched.endpoints.clear();
  watched.stopped = true;
  watched.waiter.notify();
}

Task<> HealthWatch::Watcher::keep_ejections(std::shared_ptr<Watched> watched) {
  while (!watched->stopped) {
    Deadline next = no_deadline;
    try {
      const std::shared_ptr<Cluster> cluster = watched->cluster.lock();
      if (!cluster) break;
      next = cluster->keep_ejections(loop_.now());
    } catch (const std::bad_alloc&) {
      next = loop_.now() + std::chrono::seconds(1);
    }
    co_await watched->waiter.wait(next);
    static_cast<void>(watched->waiter.result());
  }
}

Task<> HealthWatch::Watcher::check(std::shared_ptr<Watched> watched,
                                   std::shared_ptr<Checks> checks) {
  while (!checks->scope.cancelled()) {
    const bool entered = co_await enter(*checks);
    if (!entered) break;
    const TimePoint began = loop_.now();
    checks->asked_anew = false;
    try {
      co_await check_once(*watched, *checks);
    } catch (const std::bad_alloc&) {
      // It came to nothing; the next one is due as usual.
    }
    leave();
    if (!watched->check) break;
    const TimePoint next = std::max(loop_.now(), next_after(began, *watched->check));
    while (!checks->scope.cancelled() && !checks->asked_anew && loop_.now() < next) {
      co_await checks->waiter.wait(next);
      static_cast<void>(checks->waiter.result());
    }
  }
}

Task<> HealthWatch::Watcher::check_once(const Watched& watched, Checks& checks) {
  const TimePoint began = loop_.now();
  std::shared_ptr<const Cluster::State> state;
  if (const std::shared_ptr<Cluster> cluster = watched.cluster.lock()) state = cluster->state();
  if (!state || !state->settings.health_check) co_return;
  const auto host = state->hosts.find(checks.endpoint.get());
  const CheckTarget target{.upstream = state->settings,
                           .address = checks.endpoint->socket_address(),
                           .endpoint = checks.endpoint->address(),
                           .tls = state->tls,
                           .tls_host = host != state->hosts.end() ? host->second : std::string()};
  const CheckResult result = co_await run_health_check(loop_, target, checks.scope);
  // Of what is not asked any more nothing is told.
  if (checks.scope.cancelled() || checks.asked_anew) co_return;
  const std::shared_ptr<Cluster> cluster = watched.cluster.lock();
  if (cluster) cluster->checked(*checks.endpoint, result, began, loop_.now());
}

Task<bool> HealthWatch::Watcher::enter(Checks& checks) {
  while (running_ >= most_checks && !checks.scope.cancelled()) {
    waiting_.push_back(&checks.waiter);
    co_await checks.waiter.wait(no_deadline);
    static_cast<void>(checks.waiter.result());
    // Still there where it was woken for something else.
    waiting_.remove(&checks.waiter);
  }
  if (checks.scope.cancelled()) {
    // The place that it was told of is for the next one.
    if (running_ < most_checks) wake_next();
    co_return false;
  }
  ++running_;
  co_return true;
}

void HealthWatch::Watcher::leave() noexcept {
  --running_;
  wake_next();
}

void HealthWatch::Watcher::wake_next() noexcept {
  if (waiting_.empty()) return;
  waiting_.front()->notify();
  waiting_.pop_front();
}

TimePoint HealthWatch::Watcher::next_after(TimePoint began, const config::HealthCheck& check) {
  std::uniform_real_distribution<double> off(-check.jitter, check.jitter);
  const double pause = static_cast<double>(check.interval.count()) * (1 + off(random_));
  return began + Duration(static_cast<Duration::rep>(pause));
}

void HealthWatch::Watcher::stop() {
  stopping_ = true;
  for (const auto& [cluster, watched] : watched_) end(*watched);
  watched_.clear();
  ending_.spawn(end_with_tasks());
}

Task<> HealthWatch::Watcher::end_with_tasks() {
  while (tasks_.size() != 0) co_await tasks_.ended();
  loop_.stop();
}

HealthWatch::HealthWatch() = default;
HealthWatch::~HealthWatch() { stop(); }

void HealthWatch::watch(std::span<const std::shared_ptr<Cluster>> clusters) {
  if (stopped_) return;
  const auto needs = [](const std::shared_ptr<Cluster>& cluster) {
    const config::Upstream& settings = cluster->state()->settings;
    return settings.health_check || settings.outlier_detection;
  };
  if (!watcher_) {
    if (std::ranges::none_of(clusters, needs)) return;
    auto made = std::make_unique<Watcher>();
    thread_ = std::jthread([watcher = made.get()] {
      block_signals();
      ::pthread_setname_np(::pthread_self(), "health");
      watcher->loop().run();
    });
    watcher_ = std::move(made);
    running_.store(watcher_.get(), std::memory_order_release);
  }
  watcher_->loop().mailbox().post(
      [watcher = watcher_.get(), all = Watcher::Clusters(clusters.begin(), clusters.end())] {
        try {
          watcher->watch(all);
        } catch (const std::bad_alloc&) {
          // What is not watched yet is by the next change, or reload.
        }
      });
}

void HealthWatch::look_at(const std::shared_ptr<Cluster>& cluster) noexcept {
  Watcher* const watcher = running_.load(std::memory_order_acquire);
  if (watcher == nullptr) return;
  try {
    watcher->loop().mailbox().post([watcher, of = std::weak_ptr(cluster)] {
      try {
        if (const std::shared_ptr<Cluster> now = of.lock()) watcher->look_at(*now);
      } catch (const std::bad_alloc&) {
        // As below.
      }
    });
  } catch (const std::bad_alloc&) {
    // The next change, or reload, is looked at again.
  }
}

void HealthWatch::stop() {
  if (std::exchange(stopped_, true) || !watcher_) return;
  running_.store(nullptr, std::memory_order_release);
  watcher_->loop().mailbox().post([watcher = watcher_.get()] { watcher->stop(); });
  thread_.join();
}

}  // namespace weir::upstream
