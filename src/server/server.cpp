#include "weir/server/server.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "server/host.hpp"
#include "server/limits.hpp"
#include "server/log_level.hpp"
#include "server/prepared.hpp"
#include "server/reload_rules.hpp"
#include "server/server_parts.hpp"
#include "weir/server/load_checks.hpp"
#include "weir/server/route_tests.hpp"
#include "weir/telemetry/log.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

constexpr Duration longest_wait_for_lists = std::chrono::seconds(30);
// The process before waits 30 s until this one can take over.
constexpr Duration longest_held_wait_for_lists = std::chrono::seconds(20);

// What is wrong with the machine and not with a file.
Server::Problems without_place(const std::vector<std::string>& lines) {
  Server::Problems out;
  for (const std::string& line : lines) out.push_back({.place = {}, .path = {}, .message = line});
  return out;
}

}  // namespace

Server::Server(asio::io_context& main, Source source, net::PassedSockets passed, bool take_over)
    : main_(main),
      source_(std::move(source)),
      passed_(std::move(passed)),
      log_level_(std::make_unique<LogLevel>(main)),
      history_(std::make_unique<History>()),
      take_over_(take_over),
      held_(passed_.is_handed_over()) {}

Server::~Server() {
  if (!parts_) return;
  if (parts_->compiler) parts_->compiler->stop();
  parts_->providers.stop();
  parts_->endpoint_lists.stop();
  parts_->endpoint_files.stop();
  parts_->background.stop();
  parts_->discovery.stop();
  if (process_) process_->health.stop();
  for (const auto& worker : parts_->workers) worker->stop();
  // A job whose asker gave up still tells the asker's loop, which goes before the process does.
  if (process_) process_->offload.stop();
}

std::expected<void, Server::Problems> Server::start() {
  auto loaded = source_();
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  if (Problems problems = check_loaded(*loaded); !problems.empty()) {
    return std::unexpected(std::move(problems));
  }
  warn(loaded->warnings);
  config::Config& config = loaded->config;
  const Host host;
  const double quota = host.cpu_quota();
  const unsigned count = worker_count(config.server.workers, quota);
  const std::uint64_t most_connections = fit_connections(config.server.max_connections);
  warn_of_shortages(host, config, most_connections);

  auto target = telemetry::LogTarget::open(access_log_target(config));
  if (!target) return std::unexpected(Problems{log_problem(*loaded, target.error())});

  make_parts();
  parts_->listening.begin(std::move(passed_), take_over_, count);
  auto plan = parts_->listening.prepare(config.listeners);
  // The admin address may be among those of the process before, and is taken later.
  if (!held_) parts_->listening.drop_passed();
  if (!plan) return std::unexpected(without_place(plan.error()));

  std::vector<net::Loop*> loops;
  for (unsigned i = 0; i < count; ++i) {
    parts_->workers.push_back(
        std::make_unique<Worker>(i, process_, parts_->workers, parts_->clients));
    loops.push_back(&parts_->workers.back()->loop());
  }
  process_ = std::make_unique<Process>(config, std::move(loops), std::move(*target),
                                       head_memory(config.server.head_memory, host),
                                       [this](std::string_view upstream, std::string_view address) {
                                         tell_failed_connect(upstream, address);
                                       });
  process_->max_connections = most_connections;
  parts_->compiler = std::make_unique<Compiler>(main_, process_->snapshots);
  parts_->saturation = std::make_unique<Saturation>(main_, *process_, parts_->workers, quota);
  parts_->load_watch =
      std::make_unique<LoadWatch>(main_, *process_, parts_->workers, *parts_->saturation);
  process_->metrics.on_scrape([this] {
    show_splits(*snapshot_, *process_);
    show_endpoint_files();
    process_->metrics.config_snapshots.set(static_cast<double>(process_->snapshots.living()));
    process_->metrics.upgrades_succeeded.set(static_cast<double>(upgrades_.succeeded));
    process_->metrics.upgrades_failed.set(static_cast<double>(upgrades_.failed));
  });

  auto origin = loaded->origin;
  WatchedFiles files{.read = loaded->files, .listed_folder = loaded->listed_folder};
  auto snapshot = compile_first(std::move(*loaded));
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  snapshot_ = std::move(*snapshot);
  // Documents may have added certificates.
  Problems of_tls;
  const TlsServers tls = open_listeners(snapshot_->config(), {}, of_tls);
  if (!of_tls.empty()) return std::unexpected(std::move(of_tls));
  // Who starts has nothing else to serve with.
  for (const config::Problem& failed : failed_tests(snapshot_->config(), snapshot_->table())) {
    warnings_.push_back(failed.to_string());
    log::warn(warnings_.back());
  }
  log_level_->begin(snapshot_->config().log.level);
  process_->registry.commit(snapshot_->config().upstreams);
  watch_lists(snapshot_->clusters());
  parts_->discovery.watch(snapshot_->clusters());
  process_->health.watch(snapshot_->clusters());
  process_->metrics.config_generation.set(static_cast<double>(generation_));

  parts_->listening.put_in_force(std::move(*plan), tls, process_->metrics);
  parts_->tls = std::make_unique<TlsFiles>(
      main_, [this] { return parts_->listening.sealed(); }, process_->registry, process_->metrics);
  parts_->tls->begin();
  std::vector<std::string> lines;
  for (unsigned i = 0; i < count; ++i) {
    auto listening = parts_->workers[i]->listen(parts_->listening.sockets_of(i));
    if (!listening) lines.push_back(listening.error());
  }
  if (!lines.empty()) return std::unexpected(without_place(lines));
  begin_history(std::move(origin), std::move(files));
  // Names first: a request that comes at once should find its upstream.
  parts_->discovery.prepare(snapshot_->config().upstreams,
                            [this](const upstream::AddressesByUpstream&) { serve(); });
  return {};
}

// From a worker.
void Server::tell_failed_connect(std::string_view upstream, std::string_view address) {
  asio::post(main_, [this, upstream = std::string(upstream), address = std::string(address)] {
    const auto cluster = process_->registry.find(upstream);
    if (cluster) parts_->discovery.connect_failed(*cluster, address);
  });
}

std::optional<upstream::EndpointsFileInfo> Server::endpoints_file_of(
    const upstream::Cluster& cluster) const {
  if (const auto list = parts_->endpoint_lists.describe(cluster.name())) {
    return Parts::file_info(*list);
  }
  return parts_->endpoint_files.describe(cluster);
}

void Server::show_endpoint_files() const {
  for (const auto& cluster : process_->registry.clusters()) {
    const auto file = endpoints_file_of(*cluster);
    const double value = !file ? -1 : file->error.empty() ? 0 : 1;
    process_->metrics.upstream(cluster->name())->endpoints_from_failed.set(value);
  }
}

std::vector<upstream::NameInfo> Server::names_of(const upstream::Cluster& cluster) const {
  return parts_->discovery.describe(cluster);
}

void Server::warn(const Problems& warnings, bool is_known) {
  std::vector<std::string> told = std::exchange(warnings_, {});
  std::ranges::sort(told);
  for (const config::Problem& warning : warnings) {
    warnings_.push_back(warning.to_string());
    if (is_known && std::ranges::binary_search(told, warnings_.back())) continue;
    log::warn(warnings_.back());
  }
}

void Server::serve() {
  if (!held_) start_workers();
  if (std::string why = waits_for_lists(); !why.empty()) {
    parts_->readiness.hold(std::move(why),
                           held_ ? longest_held_wait_for_lists : longest_wait_for_lists);
  }
  parts_->readiness.begin(process_->registry, snapshot_->config().server.ready_wait,
                          [this] { tell_reached(); });
  // Who takes over has the documents of providers before it does.
  held_ ? parts_->reloads.open_for_documents() : tell_serving();
}

void Server::start_workers() {
  for (const auto& worker : parts_->workers) worker->start(snapshot_);
  parts_->load_watch->look();
  started_ = true;
}

void Server::tell_serving() {
  if (serving_told_) std::exchange(serving_told_, nullptr)();
  parts_->reloads.open();
}

void Server::tell_reached() {
  std::function<void()>& told = held_ ? able_told_ : ready_told_;
  if (told) std::exchange(told, nullptr)();
}

void Server::when_serving(std::function<void()> told) {
  if (started_) return told();
  serving_told_ = std::move(told);
}

void Server::when_ready(std::function<void()> told) {
  if (is_ready()) return told();
  ready_told_ = std::move(told);
}

std::string Server::why_not_ready() const {
  if (stopped_ || draining_) return "draining";
  if (!parts_ || (!started_ && !parts_->readiness.begun()))
    return "starting: the names of upstreams are being looked up";
  if (is_ready()) return {};
  const std::string names = parts_->readiness.waits_for();
  const std::string& lists = parts_->readiness.held_for();
  if (names.empty()) return "waiting for " + lists;
  return "no address yet: " + names + (lists.empty() ? "" : "; waiting for " + lists);
}

bool Server::is_ready() const { return !held_ && parts_->readiness.reached(); }

Duration Server::longest_unready() const {
  const TimePoint now = Clock::now();
  return started_ && !is_ready() ? std::max(parts_->readiness.until() - now, Duration::zero())
                                 : Duration::zero();
}

void Server::ask_workers(std::function<void()> answered, std::optional<Duration> at_most) {
  if (!started_) return answered();
  struct Round {
    asio::steady_timer limit;
    std::size_t left;
    std::function<void()> answered;

    void end() {
      limit.cancel();
      if (answered) std::exchange(answered, nullptr)();
    }
  };
  const auto round = std::make_shared<Round>(
      Round{asio::steady_timer(main_), parts_->workers.size(), std::move(answered)});
  if (at_most) {
    round->limit.expires_after(*at_most);
    round->limit.async_wait([round](boost::system::error_code error) {
      if (!error) round->end();
    });
  }
  for (const auto& worker : parts_->workers) {
    worker->loop().mailbox().post([this, round] {
      asio::post(main_, [round] {
        if (--round->left == 0) round->end();
      });
    });
  }
}

std::vector<std::pair<std::string, SocketAddress>> Server::listeners() const {
  std::vector<std::pair<std::string, SocketAddress>> out;
  for (const BoundListener& listener : parts_->listening.listeners()) {
    for (const auto& address : listener.addresses) {
      out.emplace_back(listener.edition->config.name, address->sockets.address());
    }
  }
  return out;
}

// --- drain

void Server::drain() {
  draining_ = true;
  for (const auto& worker : parts_->workers) worker->drain();
}

void Server::undrain() {
  if (stopped_) return;
  draining_ = false;
  for (const auto& worker : parts_->workers) worker->undrain();
}

void Server::shut_down(std::function<void(int)> done) {
  if (stopped_) {
    if (handed_over_ && !hurried_) return hurry();
    if (std::exchange(cut_, true)) return;
    log::warn("ending at once");
    cut();
    return;
  }
  stopped_ = std::move(done);
  stopping_ = true;
  log::info("draining");
  parts_->reloads.stop();
  // Names are still looked up: no worker runs that could drain.
  if (!started_) return finished();
  drain();
  parts_->timer.expires_after(snapshot_->config().server.drain_delay);
  parts_->timer.async_wait([this](boost::system::error_code error) {
    if (!error && accepting_) stop_accepting();
  });
}

void Server::stop_accepting() {
  accepting_ = false;
  if (leaving_told_) leaving_told_(false);
  // Twice round: a worker without connections may be handed some until the others have closed.
  tell_workers(&Worker::close_listeners,
               [this] { tell_workers(&Worker::finish, [this] { finished(); }); });
  cut_after(snapshot_->config().server.drain_timeout, "drain_timeout");
}

void Server::cut_after(Duration time, std::string_view limit) {
  parts_->timer.expires_after(time);
  parts_->timer.async_wait([this, limit](boost::system::error_code error) {
    if (error) return;
    if (std::exchange(cut_, true)) return;
    log::warn(limit == "drain_timeout" ? "drain_timeout is over" : "handover_timeout is over");
    cut();
  });
}

void Server::tell_workers(void (Worker::*what)(std::function<void()>), std::function<void()> done) {
  busy_workers_ = static_cast<unsigned>(parts_->workers.size());
  const auto all = std::make_shared<std::function<void()>>(std::move(done));
  for (const auto& worker : parts_->workers) {
    ((*worker).*what)([this, all] {
      asio::post(main_, [this, all] {
        if (--busy_workers_ == 0) (*all)();
      });
    });
  }
}

void Server::cut() {
  if (accepting_) stop_accepting();
  for (const auto& worker : parts_->workers) {
    worker->abort(
        [this](unsigned cut) { asio::post(main_, [this, cut] { cut_requests_ += cut; }); });
  }
}

void Server::finished() {
  parts_->timer.cancel();
  parts_->providers.stop();
  parts_->endpoint_lists.stop();
  parts_->endpoint_files.stop();
  parts_->background.stop();
  parts_->discovery.stop();
  process_->health.stop();
  parts_->readiness.stop();
  parts_->load_watch->stop();
  parts_->tls->stop();
  parts_->watch->stop();
  parts_->listening.stop();
  for (const auto& worker : parts_->workers) worker->stop();
  if (!handed_over_) parts_->listening.unlink_all(held_);
  // What the workers had posted before they ended is told first.
  asio::post(main_, [this] {
    process_->access_log.stop();
    log::tell_all_counts();
    log::info("stopped", {{"requests_cut", cut_requests_}});
    stopped_(cut_requests_ == 0 ? 0 : 2);
  });
}

void Server::reopen_logs() { process_->access_log.reopen(); }

}  // namespace weir::server
