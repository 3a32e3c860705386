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
#include "server/prepared.hpp"
#include "server/reload_rules.hpp"
#include "server/server_parts.hpp"
#include "weir/server/admin_place.hpp"
#include "weir/server/load_checks.hpp"
#include "weir/server/route_tests.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

Server::Problems problem(std::string message) {
  return {{.place = {}, .path = {}, .message = std::move(message)}};
}

// What is wrong with the machine and not with a file.
Server::Problems problems_of_lines(const std::vector<std::string>& lines) {
  Server::Problems out;
  for (const std::string& line : lines) {
    out.push_back({.place = {}, .path = {}, .message = line});
  }
  return out;
}

constexpr const char* ending = "shutting down";

}  // namespace

void Server::reload(std::function<void(Problems)> done, std::string by) {
  parts_->reloads.ask(std::move(done), {.by = std::move(by)});
}

void Server::begin_reload() {
  listener_changes_.clear();
  try {
    const auto prepared = std::make_shared<Prepared>();
    prepared->wanted = parts_->reloads.wanted();
    is_of_file_ = !prepared->wanted.is_of_documents || !file_;
    if (prepared->wanted.generation) {
      auto origin = history_->origin_of(*prepared->wanted.generation);
      if (!origin) return end_reload(problem(origin.error()));
      prepared->roll_back = {*prepared->wanted.generation, std::move(*origin), std::nullopt};
    } else if (roll_back_ && !prepared->wanted.release) {
      prepared->roll_back = *roll_back_;
    }
    prepared->inputs = parts_->providers.begin_build();
    if (!is_of_file_) prepared->file = file_;
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
    out.snapshot.reset();
    out.problems = problem("there is not enough memory for this configuration");
  } catch (const std::exception& error) {
    out.snapshot.reset();
    out.problems = problem(std::string("it cannot be compiled: ") + error.what());
  }
}

void Server::compile_reload(const config::Config& now, config::Loaded loaded,
                            std::uint64_t generation, Prepared& out) {
  out.tls.clear();
  out.access_log.reset();
  out.problems = restart_problems(now, loaded);
  if (!out.problems.empty() || stopping_) return;
  out.problems = check_loaded(loaded);
  if (!out.problems.empty() || stopping_) return;
  auto target = telemetry::LogTarget::open(access_log_target(loaded.config));
  if (!target) {
    out.problems = {log_problem(loaded, target.error())};
    return;
  }
  if (access_log_target(loaded.config) != access_log_target(now)) {
    out.access_log.emplace(std::move(*target));
  }
  out.tls = open_listeners(loaded.config, now.listeners, out.problems);
  if (!out.problems.empty()) return;
  auto snapshot = Snapshot::compile(std::move(loaded.config), *process_, generation);
  if (!snapshot) {
    out.problems = std::move(snapshot.error());
    return;
  }
  out.problems = failed_tests((*snapshot)->config(), (*snapshot)->table());
  if (!out.problems.empty()) return;
  out.snapshot = std::move(*snapshot);
  out.origin = std::move(loaded.origin);
  out.warnings = std::move(loaded.warnings);
}

void Server::find_names(const std::shared_ptr<Prepared>& prepared) {
  if (stopping_ || !prepared->problems.empty()) {
    process_->registry.abandon();
    return end_reload(stopping_ ? problem(ending) : std::move(prepared->problems));
  }
  try {
    parts_->discovery.prepare(prepared->snapshot->config().upstreams,
                              [this, prepared](const upstream::AddressesByUpstream& found) {
                                commit_reload(prepared, found);
                              });
  } catch (const std::exception& error) {
    if (prepared->named) throw;
    process_->registry.abandon();
    end_reload(problem(std::string("names cannot be looked up: ") + error.what()));
  }
}

Server::Problems Server::bind_new(Prepared& prepared) {
  const config::Config& config = prepared.snapshot->config();
  Problems out;
  try {
    auto plan = parts_->listening.prepare(config.listeners);
    if (!plan) return problems_of_lines(plan.error());
    prepared.listeners = std::move(*plan);
    if (admin_place_ == nullptr || config.admin.bind == snapshot_->config().admin.bind) return out;
    const std::string why = admin_place_->prepare(config.admin.bind);
    if (!why.empty()) return problem(why);
    prepared.admin_moves = true;
  } catch (const std::exception& error) {
    return problem(std::string("no sockets: ") + error.what());
  }
  return out;
}

void Server::give_up(Prepared& prepared) noexcept {
  if (prepared.admin_moves) admin_place_->abandon();
  prepared.listeners.reset();
  prepared.snapshot.reset();
}

void Server::commit_reload(const std::shared_ptr<Prepared>& shared,
                           const upstream::AddressesByUpstream& found) {
  Prepared& prepared = *shared;
  prepared.named = true;
  if (stopping_) {
    process_->registry.abandon();
    return end_reload(problem(ending));
  }
  if (Problems unbound = bind_new(prepared); !unbound.empty()) {
    give_up(prepared);
    process_->registry.abandon();
    return end_reload(std::move(unbound));
  }
  const std::shared_ptr<const Snapshot> before = snapshot_;
  const config::Config& config = prepared.snapshot->config();
  try {
    process_->registry.commit(config.upstreams, found);
    watch_lists(prepared.snapshot->clusters());
    parts_->discovery.watch(prepared.snapshot->clusters());
    process_->health.watch(prepared.snapshot->clusters());
    parts_->tls->refresh(config.listeners, prepared.tls);
    parts_->readiness.reloaded(process_->registry, config.server.ready_wait);
    warn(prepared.warnings, !is_of_file_);
  } catch (const std::exception& error) {
    take_back(*before);
    give_up(prepared);
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
  if (is_of_file_) source_generation_ = generation_;
  if (prepared.admin_moves) admin_place_->commit();
  took_documents(prepared);
  listener_changes_ = Listening::changes(*prepared.listeners).to_string();
  // All workers have the new routes before anybody comes by a new listener.
  if (!parts_->digest_begun) parts_->undigested = before->shared_config();
  publish(std::move(prepared.snapshot), [this, shared] {
    parts_->listening.commit(std::move(shared->listeners), shared->tls, process_->metrics,
                             snapshot_->config().server.drain_timeout,
                             [this, shared] { finish_reload(shared); });
    shared->tls.clear();
    parts_->tls->listeners_changed();
  });
}

void Server::finish_reload(const std::shared_ptr<Prepared>& shared) {
  const auto finish = [this, shared] {
    process_->metrics.sweep(Clock::now());
    process_->metrics.config_generation.set(static_cast<double>(generation_));
    remember_reload(*shared);
    end_reload({});
  };
  try {
    // The snapshot before holds the metrics of what is gone: that thread frees it first.
    parts_->compiler->run([] {}, finish);
  } catch (const std::bad_alloc&) {
    finish();
  }
}

// Upstreams may have their new settings already.
void Server::take_back(const Snapshot& before) noexcept {
  try {
    process_->registry.abandon();
    process_->registry.commit(before.config().upstreams);
    for (const auto& [upstream, endpoints] : parts_->providers.updates()) {
      if (const auto cluster = process_->registry.find(upstream)) cluster->set_endpoints(endpoints);
    }
    watch_lists(before.clusters());
    parts_->discovery.watch(before.clusters());
    process_->health.watch(before.clusters());
  } catch (const std::exception& error) {
    log::error("the upstreams of a refused reload stay in force until the next one",
               {{"error", error.what()}});
  }
}

void log_reload(const Server& server, const Server::Problems& problems) {
  for (const config::Problem& problem : problems) {
    log::error("reload refused", {{"problem", problem.to_string()}});
  }
  if (!problems.empty()) return;
  const std::string& changes = server.last_listener_changes();
  log::info(changes.empty() ? std::string("reloaded") : "reloaded, " + changes);
}

void Server::end_reload(Problems problems) {
  const std::string why_not = problems.empty() ? "" : problems.front().to_string();
  // What providers cause is told of them, and says nothing of the file.
  if (is_of_file_) {
    process_->metrics.reloaded(problems.empty());
    last_reload_.emplace(ReloadStatus{.at = WallClock::now(), .problems = {}});
    for (const config::Problem& problem : problems) {
      last_reload_->problems.push_back(problem.to_string());
    }
    if (!problems.empty()) parts_->providers.file().failed(why_not);
  }
  parts_->providers.ended(why_not);
  parts_->reloads.end(problems);
}

void Server::publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done) {
  snapshot_ = std::move(snapshot);
  // Who is about to take over has no workers yet, which start with it.
  if (!started_) return asio::post(main_, std::move(done));
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
