// A reload: read and compiled on the compiler's thread, the names that are new looked up, then in
// force at once. What fails before that leaves everything as it was.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <utility>

#include "server/host.hpp"
#include "server/limits.hpp"
#include "server/log_level.hpp"
#include "server/reload_rules.hpp"
#include "server/server_parts.hpp"
#include "weir/server/load_checks.hpp"
#include "weir/server/route_tests.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

// What came of the first step; with problems nothing else is there.
struct Server::Prepared {
  Problems problems;
  Problems warnings;
  std::shared_ptr<const Snapshot> snapshot;
  std::optional<telemetry::LogTarget> access_log;  // when it goes to another place
  bool named = false;                              // its names were looked up
};

namespace {

Server::Problems problem(std::string message) {
  return {{.place = {}, .path = {}, .message = std::move(message)}};
}

constexpr const char* ending = "shutting down";

}  // namespace

void Server::reload(std::function<void(Problems)> done) { parts_->reloads.ask(std::move(done)); }

void Server::begin_reload() {
  try {
    const auto prepared = std::make_shared<Prepared>();
    parts_->compiler->run(
        [this, prepared, now = snapshot_, generation = generation_ + 1] {
          prepare_reload(now->config(), generation, *prepared);
        },
        [this, prepared] { find_names(prepared); });
  } catch (const std::exception& error) {  // no memory
    end_reload(problem(std::string("the reload cannot begin: ") + error.what()));
  }
}

void Server::prepare_reload(const config::Config& now, std::uint64_t generation, Prepared& out) {
  try {
    load_reload(now, generation, out);
  } catch (const std::bad_alloc&) {
    out = {};
    out.problems = problem("there is not enough memory for this configuration");
  } catch (const std::exception& error) {
    out = {};
    out.problems = problem(std::string("it cannot be compiled: ") + error.what());
  }
}

void Server::load_reload(const config::Config& now, std::uint64_t generation, Prepared& out) {
  auto loaded = source_();
  if (!loaded) {
    out.problems = std::move(loaded.error());
    return;
  }
  out.problems = needs_restart(now, *loaded);
  if (!out.problems.empty() || stopping_) return;
  out.problems = check_loaded(*loaded);
  if (!out.problems.empty() || stopping_) return;
  auto target = telemetry::LogTarget::open(access_log_target(loaded->config));
  if (!target) {
    out.problems = {log_problem(*loaded, target.error())};
    return;
  }
  if (access_log_target(loaded->config) != access_log_target(now)) {
    out.access_log.emplace(std::move(*target));
  }
  auto snapshot = Snapshot::compile(std::move(loaded->config), *process_, generation);
  if (!snapshot) {
    out.problems = std::move(snapshot.error());
    return;
  }
  out.problems = failed_tests((*snapshot)->config(), (*snapshot)->table());
  if (!out.problems.empty()) return;
  out.snapshot = std::move(*snapshot);
  out.warnings = std::move(loaded->warnings);
}

Server::Problems Server::needs_restart(const config::Config& now, const config::Loaded& loaded) {
  const config::Config& next = loaded.config;
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

void Server::find_names(const std::shared_ptr<Prepared>& prepared) {
  if (stopping_ || !prepared->problems.empty()) {
    process_->registry.abandon();
    return end_reload(stopping_ ? problem(ending) : std::move(prepared->problems));
  }
  try {
    parts_->discovery.prepare(prepared->snapshot->config().upstreams,
                              [this, prepared](const upstream::AddressesByUpstream& found) {
                                commit_reload(*prepared, found);
                              });
  } catch (const std::exception& error) {
    if (prepared->named) throw;
    process_->registry.abandon();
    end_reload(problem(std::string("names cannot be looked up: ") + error.what()));
  }
}

void Server::commit_reload(Prepared& prepared, const upstream::AddressesByUpstream& found) {
  prepared.named = true;
  if (stopping_) {
    process_->registry.abandon();
    return end_reload(problem(ending));
  }
  const std::shared_ptr<const Snapshot> before = snapshot_;
  const config::Config& config = prepared.snapshot->config();
  try {
    process_->registry.commit(config.upstreams, found);
    parts_->endpoint_files.watch(prepared.snapshot->clusters());
    parts_->discovery.watch(prepared.snapshot->clusters());
    process_->health.watch(prepared.snapshot->clusters());
    parts_->tls->refresh();
    parts_->readiness.reloaded(process_->registry, config.server.ready_wait);
    warn(prepared.warnings);
  } catch (const std::exception& error) {
    take_back(*before);
    return end_reload(problem(std::string("it cannot be put in force: ") + error.what()));
  }
  if (prepared.access_log) process_->access_log.redirect(std::move(*prepared.access_log));
  log_level_->reloaded(config.log.level);
  log::set_format(config.log.format);
  const Host host;
  const std::uint64_t connections = fit_connections(config.server.max_connections);
  if (connections > process_->max_connections) warn_of_shortages(host, config, connections);
  process_->max_connections = connections;
  process_->head_memory.set_limit(head_memory(config.server.head_memory, host));
  process_->splits.retain(
      [&](std::string_view route) { return keeps_split(before->config(), config, route); });
  ++generation_;
  publish(std::move(prepared.snapshot), [this] {
    const auto finish = [this] {
      process_->metrics.sweep(Clock::now());
      process_->metrics.config_generation.set(static_cast<double>(generation_));
      end_reload({});
    };
    try {
      // The snapshot before holds the metrics of what is gone: that thread frees it first.
      parts_->compiler->run([] {}, finish);
    } catch (const std::bad_alloc&) {
      finish();
    }
  });
}

// Upstreams may have their new settings already.
void Server::take_back(const Snapshot& before) noexcept {
  try {
    process_->registry.abandon();
    process_->registry.commit(before.config().upstreams);
    parts_->endpoint_files.watch(before.clusters());
    parts_->discovery.watch(before.clusters());
    process_->health.watch(before.clusters());
  } catch (const std::exception& error) {
    log::error("the upstreams of a refused reload stay in force until the next one",
               {{"error", error.what()}});
  }
}

void Server::end_reload(Problems problems) {
  process_->metrics.reloaded(problems.empty());
  last_reload_.emplace(ReloadStatus{.at = WallClock::now(), .problems = {}});
  for (const config::Problem& problem : problems) {
    last_reload_->problems.push_back(problem.to_string());
  }
  parts_->reloads.end(problems);
}

void Server::publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done) {
  snapshot_ = std::move(snapshot);
  parts_->load_watch->look();
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

}  // namespace weir::server
