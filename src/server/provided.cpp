// What providers give: joined with the file into a configuration, and endpoints that go straight to
// their clusters.
#include <algorithm>
#include <utility>

#include "server/prepared.hpp"
#include "server/server_parts.hpp"
#include "weir/server/load_checks.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

std::vector<std::string> files_of(const config::Loaded& loaded) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& file) {
    if (std::ranges::find(out, file) == out.end()) out.push_back(file);
  };
  for (const config::Listener& each : loaded.config.listeners) add(each.place.file);
  for (const config::Route& each : loaded.config.routes) add(each.place.file);
  for (const config::Upstream& each : loaded.config.upstreams) add(each.place.file);
  return out;
}

}  // namespace

void Server::make_parts() {
  provider::ProvidersHooks hooks;
  hooks.rebuild = [this] { rebuild(); };
  hooks.endpoints = [this](const provider::EndpointUpdate& update) {
    return take_endpoints(update);
  };
  hooks.settled = [this] { look_at_readiness(); };
  hooks.metrics = [this](std::string_view name) { return process_->metrics.provider(name); };
  const auto names_changed = [this] {
    if (!snapshot_) return;
    parts_->discovery.watch(snapshot_->clusters());
    look_at_readiness();
  };
  const auto take_list = [this](std::string_view upstream, const config::ListedEndpoints& listed,
                                TimePoint read_at) {
    const auto cluster = process_->registry.find(upstream);
    return cluster && cluster->set_listed(listed, read_at);
  };
  parts_ = std::make_unique<Parts>(
      main_, process_, [this] { begin_reload(); }, names_changed, std::move(hooks), take_list);
  // The process before keeps its state as long as it serves; this one may be given up.
  parts_->providers.keep(!held_);
}

std::expected<std::shared_ptr<const Snapshot>, Server::Problems> Server::compile_first(
    config::Loaded loaded) {
  ++generation_;
  if (!loaded.config.providers.any()) {
    return Snapshot::compile(std::move(loaded.config), *process_, generation_);
  }
  file_ = std::make_shared<const config::Loaded>(std::move(loaded));
  parts_->providers.file().took(files_of(*file_), generation_);
  parts_->providers.configure(file_->config);
  const auto inputs = parts_->providers.begin_build();
  provider::Joining joining(*file_, *inputs, load_checks());
  while (true) {
    auto whole = joining.join();
    if (!whole) return std::unexpected(std::move(whole.error()));
    Problems problems = check_loaded(*whole);
    if (problems.empty()) {
      auto snapshot = Snapshot::compile(std::move(whole->config), *process_, generation_);
      if (snapshot) {
        parts_->providers.committed(&joining.joined(), generation_);
        parts_->providers.ended("");
        return std::move(*snapshot);
      }
      problems = std::move(snapshot.error());
    }
    if (!joining.blame(problems)) return std::unexpected(std::move(problems));
  }
}

// On the compiler's thread.
void Server::load_reload(const config::Config& now, std::uint64_t generation, Prepared& out) {
  if (!out.file) {
    auto loaded = load_wanted(out);
    if (!loaded) {
      out.problems = std::move(loaded.error());
      return;
    }
    if (!loaded->config.providers.any()) {
      return compile_reload(now, std::move(*loaded), generation, out);
    }
    out.file = std::make_shared<const config::Loaded>(std::move(*loaded));
  }
  provider::Joining joining(*out.file, *out.inputs, load_checks());
  do {
    auto whole = joining.join();
    if (!whole) {
      out.problems = std::move(whole.error());
      return;
    }
    compile_reload(now, std::move(*whole), generation, out);
  } while (!out.problems.empty() && !stopping_ && joining.blame(out.problems));
  if (out.problems.empty()) out.joined = joining.joined();
}

// The snapshot's upstreams have their settings.
void Server::took_documents(const Prepared& prepared) {
  file_ = prepared.file;
  if (file_ && is_of_file_) parts_->providers.file().took(files_of(*file_), generation_);
  parts_->providers.committed(prepared.joined ? &*prepared.joined : nullptr, generation_);
  parts_->providers.configure(prepared.snapshot->config());
}

void Server::rebuild() {
  parts_->reloads.ask(
      [](const Problems& problems) {
        for (const config::Problem& problem : problems) {
          log::error("documents not taken, what was in force stays",
                     {{"problem", problem.to_string()}});
        }
      },
      {.by = "providers", .is_of_documents = true});
}

bool Server::take_endpoints(const provider::EndpointUpdate& update) {
  const auto cluster = process_->registry.find(update.upstream);
  if (!cluster) return false;
  const bool had_names = !cluster->named_endpoints().empty();
  cluster->set_endpoints(update.endpoints);
  if (had_names || std::ranges::any_of(update.endpoints, config::is_name_of)) {
    parts_->discovery.watch(snapshot_->clusters());
  }
  return true;
}

void Server::watch_lists(std::span<const std::shared_ptr<upstream::Cluster>> clusters) {
  parts_->endpoint_files.watch(clusters);
  std::vector<provider::WantedList> wanted;
  for (const auto& cluster : clusters) {
    const auto from = cluster->settings().endpoints_from;
    if (from && from->etcd) wanted.push_back({cluster->name(), *from->etcd, from->empty_after});
  }
  parts_->endpoint_lists.watch(wanted);
}

std::string Server::waits_for_lists() const {
  std::string out = parts_->providers.waits_for();
  return out.empty() ? parts_->endpoint_lists.waits_for() : out;
}

void Server::look_at_readiness() {
  if (waits_for_lists().empty()) parts_->readiness.release();
}

std::function<std::expected<config::Loaded, Server::Problems>()> Server::loader() const {
  return
      [this, inputs = parts_->providers.in_force()]() -> std::expected<config::Loaded, Problems> {
        auto loaded = source_();
        if (!loaded || !loaded->config.providers.any()) return loaded;
        const config::Loaded file = std::move(*loaded);
        return provider::Joining(file, *inputs, load_checks()).join();
      };
}

std::vector<provider::ProviderView> Server::providers() const { return parts_->providers.views(); }

std::map<std::string, std::vector<config::EndpointSpec>, std::less<>> Server::endpoint_updates()
    const {
  return parts_->providers.updates();
}

}  // namespace weir::server
