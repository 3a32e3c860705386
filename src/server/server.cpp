#include "weir/server/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <iterator>
#include <utility>

#include "server/bind_listener.hpp"
#include "server/client_counts.hpp"
#include "server/failure_log.hpp"
#include "server/host.hpp"
#include "server/limits.hpp"
#include "server/memory_trim.hpp"
#include "server/reload_rules.hpp"
#include "server/saturation.hpp"
#include "server/tls_files.hpp"
#include "server/worker.hpp"
#include "weir/server/check_tls.hpp"
#include "weir/telemetry/occasional.hpp"
#include "weir/upstream/discovery.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

// A file's name starts at the configuration's folder.
std::string access_log_target(const config::Config& config) {
  const std::string& path = config.access_log.path;
  return path == "off" || path == "stdout" || path == "stderr" ? path : config.resolve(path);
}

}  // namespace

// What only start() can make, destroyed in the reverse order.
class Server::Parts {
 public:
  explicit Parts(asio::io_context& main)
      : discovery(main, upstream::make_system_resolver(main), log_look_up),
        trim(main),
        timer(main),
        counts(main) {}

  ClientCounts clients;
  std::vector<BoundListener> listeners;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Saturation> saturation;
  std::unique_ptr<TlsFiles> tls;
  upstream::Discovery discovery;
  MemoryTrim trim;
  asio::steady_timer timer;
  CountsTimer counts;
};

Server::Server(asio::io_context& main, Source source, net::PassedSockets passed, bool take_over)
    : main_(main), source_(std::move(source)), passed_(std::move(passed)), take_over_(take_over) {}

Server::~Server() {
  if (!parts_) return;
  parts_->discovery.stop();
  for (const auto& worker : parts_->workers) worker->stop();
  // A job whose asker gave up still tells the asker's loop, which goes before the process does.
  if (process_) process_->offload.stop();
}

std::expected<void, std::vector<std::string>> Server::start() {
  std::vector<std::string> lines;
  auto loaded = source_();
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) lines.push_back(problem.to_string());
    return std::unexpected(std::move(lines));
  }
  for (const config::Problem& problem : check_tls(loaded->config, loaded->warnings)) {
    lines.push_back(problem.to_string());
  }
  if (!lines.empty()) return std::unexpected(std::move(lines));
  for (const config::Problem& warning : loaded->warnings) log::warn(warning.to_string());
  config::Config& config = loaded->config;
  const Host host;
  const double quota = host.cpu_quota();
  const unsigned count = worker_count(config.server.workers, quota);
  const std::uint64_t most_connections = fit_connections(config.server.max_connections);
  warn_of_shortages(host, config, most_connections);

  auto target = telemetry::LogTarget::open(access_log_target(config));
  if (!target)
    return std::unexpected(std::vector{log_problem(*loaded, target.error()).to_string()});

  parts_ = std::make_unique<Parts>(main_);
  lines = bind(config, count);
  if (!lines.empty()) return std::unexpected(std::move(lines));

  std::vector<net::Loop*> loops;
  for (unsigned i = 0; i < count; ++i) {
    parts_->workers.push_back(
        std::make_unique<Worker>(i, process_, parts_->workers, parts_->listeners, parts_->clients));
    loops.push_back(&parts_->workers.back()->loop());
  }
  process_ = std::make_unique<Process>(config, std::move(loops), std::move(*target),
                                       head_memory(config.server.head_memory, host));
  process_->max_connections = most_connections;
  parts_->saturation = std::make_unique<Saturation>(main_, *process_, parts_->workers, quota);
  process_->metrics.on_scrape([this] { show_splits(*snapshot_, *process_); });

  auto snapshot = Snapshot::compile(std::move(config), *process_, ++generation_);
  if (!snapshot) {
    for (const config::Problem& problem : snapshot.error()) lines.push_back(problem.to_string());
    return std::unexpected(std::move(lines));
  }
  snapshot_ = std::move(*snapshot);
  bound_ = snapshot_->config().listeners;
  process_->registry.commit(snapshot_->config().upstreams);
  for (const auto& cluster : snapshot_->clusters()) parts_->discovery.watch(cluster);
  process_->metrics.config_generation.set(static_cast<double>(generation_));

  for (BoundListener& listener : parts_->listeners) {
    listener.config = &bound_[listener.index];
    listener.metrics = process_->metrics.listener(listener.config->name);
    for (const net::ListenSockets& sockets : listener.sockets) {
      log::info("listening",
                {{"name", listener.config->name}, {"address", sockets.address().to_string()}});
    }
  }
  parts_->tls =
      std::make_unique<TlsFiles>(main_, parts_->listeners, process_->registry, process_->metrics);
  for (const config::Problem& problem : parts_->tls->open()) lines.push_back(problem.to_string());
  if (!lines.empty()) return std::unexpected(std::move(lines));
  for (const auto& worker : parts_->workers) {
    if (auto listening = worker->listen(); !listening) lines.push_back(listening.error());
  }
  if (!lines.empty()) return std::unexpected(std::move(lines));
  // Names first: a request that comes at once should find its upstream.
  parts_->discovery.when_settled([this] {
    for (const auto& worker : parts_->workers) worker->start(snapshot_);
    started_ = true;
    if (ready_told_) ready_told_();
  });
  return {};
}

std::vector<std::string> Server::bind(const config::Config& config, unsigned workers) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    auto sockets = bind_listener(config.listeners[i], workers, passed_,
                                 take_over_ ? net::Sharing::beside : net::Sharing::alone, lines);
    BoundListener& bound = parts_->listeners.emplace_back();
    bound.index = static_cast<unsigned>(i);
    bound.sockets = std::move(sockets);
  }
  for (const std::string& socket : passed_.left()) {
    log::warn("a socket was passed that no listener has for its name or address",
              {{"socket", socket}});
  }
  passed_ = {};
  return lines;
}

void Server::when_ready(std::function<void()> told) {
  if (started_) return told();
  ready_told_ = std::move(told);
}

std::string Server::why_not_ready() const {
  if (draining_) return "draining";
  return started_ ? "" : "starting: names of upstreams are looked up";
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
  for (const BoundListener& listener : parts_->listeners) {
    for (const net::ListenSockets& sockets : listener.sockets) {
      out.emplace_back(listener.config->name, sockets.address());
    }
  }
  return out;
}

// --- reload

Server::Problems Server::needs_restart(const config::Loaded& loaded) const {
  const config::Config& next = loaded.config;
  const config::Config& now = snapshot_->config();
  Problems out;
  const auto refuse_value = [&](const std::string& path) {
    out.push_back({place_of(loaded, path), path, needs_a_restart});
  };
  if (next.server.workers != now.server.workers) refuse_value("server.workers");
  if (next.server.io_backend != now.server.io_backend) refuse_value("server.io_backend");
  if (next.admin.bind != now.admin.bind) refuse_value("admin.bind");
  std::ranges::move(listener_changes(loaded, now.listeners), std::back_inserter(out));
  return out;
}

void Server::reload(std::function<void(Problems)> done) {
  const auto fail_with = [&](Problems problems) {
    process_->metrics.reloaded(false);
    done(std::move(problems));
  };
  if (stopped_) return fail_with({{{}, "", "shutting down"}});
  auto loaded = source_();
  if (!loaded) return fail_with(std::move(loaded.error()));
  if (Problems problems = needs_restart(*loaded); !problems.empty()) {
    return fail_with(std::move(problems));
  }
  if (Problems problems = check_tls(loaded->config, loaded->warnings); !problems.empty()) {
    return fail_with(std::move(problems));
  }
  const bool new_target =
      access_log_target(loaded->config) != access_log_target(snapshot_->config());
  auto target = telemetry::LogTarget::open(access_log_target(loaded->config));
  if (!target) {
    return fail_with({log_problem(*loaded, target.error())});
  }
  auto snapshot = Snapshot::compile(std::move(loaded->config), *process_, generation_ + 1);
  if (!snapshot) {
    process_->registry.abandon();
    return fail_with(std::move(snapshot.error()));
  }
  for (const config::Problem& warning : loaded->warnings) log::warn(warning.to_string());
  const config::Config& config = (*snapshot)->config();
  if (new_target) process_->access_log.redirect(std::move(*target));
  if (config.log.level != snapshot_->config().log.level) log::set_level(config.log.level);
  log::set_format(config.log.format);
  process_->max_connections = fit_connections(config.server.max_connections);
  process_->head_memory.set_limit(head_memory(config.server.head_memory, Host()));
  process_->registry.commit(config.upstreams);
  process_->splits.retain(
      [&](std::string_view route) { return keeps_split(snapshot_->config(), config, route); });
  for (const auto& cluster : (*snapshot)->clusters()) parts_->discovery.watch(cluster);
  parts_->tls->refresh();
  ++generation_;
  publish(std::move(*snapshot), [this, done = std::move(done)] {
    process_->metrics.reloaded(true);
    process_->metrics.sweep(Clock::now());
    process_->metrics.config_generation.set(static_cast<double>(generation_));
    done({});
  });
}

void Server::publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done) {
  snapshot_ = std::move(snapshot);
  const auto left = std::make_shared<std::size_t>(parts_->workers.size());
  const auto all = std::make_shared<std::function<void()>>(std::move(done));
  for (const auto& worker : parts_->workers) {
    worker->adopt(snapshot_, [this, left, all] {
      asio::post(main_, [left, all] {
        if (--*left == 0) (*all)();
      });
    });
  }
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
    if (std::exchange(cut_, true)) return;
    log::warn("ending at once");
    cut();
    return;
  }
  stopped_ = std::move(done);
  log::info("draining");
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
  if (leaving_told_) leaving_told_();
  // Twice round: a worker without connections may be handed some until the others have closed.
  tell_workers(&Worker::close_listeners,
               [this] { tell_workers(&Worker::finish, [this] { finished(); }); });
  parts_->timer.expires_after(snapshot_->config().server.drain_timeout);
  parts_->timer.async_wait([this](boost::system::error_code error) {
    if (error) return;
    if (std::exchange(cut_, true)) return;
    log::warn("drain_timeout is over");
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
  parts_->discovery.stop();
  parts_->tls->stop();
  for (const auto& worker : parts_->workers) worker->stop();
  for (const BoundListener& listener : parts_->listeners) {
    for (const net::ListenSockets& sockets : listener.sockets) {
      const SocketAddress& address = sockets.address();
      if (address.is_unix() && !sockets.is_passed()) ::unlink(address.path().c_str());
    }
  }
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
