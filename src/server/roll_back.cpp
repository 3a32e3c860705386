// What a server remembers of its configurations: the history, the way back, and which files made
// the one in use.
#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "server/prepared.hpp"
#include "server/server_parts.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

std::optional<std::uint64_t> fingerprint_of(
    const std::expected<config::Loaded, std::vector<config::Problem>>& loaded) {
  if (!loaded || !loaded->origin) return std::nullopt;
  return loaded->origin->fingerprint;
}

}  // namespace

// --- asking

std::string Server::why_no_roll_back(std::uint64_t generation) const {
  const auto origin = history_->origin_of(generation);
  return origin ? std::string() : origin.error();
}

void Server::roll_back(std::uint64_t generation, std::function<void(Problems)> done) {
  parts_->reloads.ask(std::move(done), {.by = "rollback", .generation = generation});
}

void Server::release_roll_back(std::function<void(Problems)> done) {
  if (!roll_back_) return done({});
  parts_->reloads.ask(std::move(done), {.by = "end of rollback", .release = true});
}

std::optional<std::uint64_t> Server::rolled_back_to() const {
  return roll_back_ ? std::optional(roll_back_->generation) : std::nullopt;
}

// --- loading, on the compiler's thread

std::expected<config::Loaded, Server::Problems> Server::load_wanted(Prepared& out) {
  auto loaded = source_();
  const std::optional<std::uint64_t> now = fingerprint_of(loaded);
  if (loaded) out.files = {.read = loaded->files, .listed_folder = loaded->listed_folder};
  if (!out.roll_back) return loaded;
  if (out.wanted.generation) {
    out.roll_back->fingerprint = now;
  } else if (!loaded || !now || now != out.roll_back->fingerprint) {
    out.roll_back.reset();  // the source has changed: what it says counts
    return loaded;
  }
  auto back = out.roll_back->origin->load();
  if (back && out.files) {
    std::ranges::move(back->files, std::back_inserter(out.files->read));
  }
  return back;
}

// --- remembering

void Server::begin_history(std::shared_ptr<const config::Origin> origin, WatchedFiles files) {
  history_->add({.generation = generation_,
                 .at = WallClock::now(),
                 .source = "start",
                 .rolled_back_to = {},
                 .changes = {},
                 .origin = std::move(origin)});
  parts_->watch = std::make_unique<ConfigWatch>(
      main_,
      [this] {
        reload([this](const Problems& problems) { log_reload(*this, problems); }, "watch");
      },
      [this] { parts_->tls->look(); });
  watch_files(snapshot_->config(), std::move(files));
}

void Server::watch_files(const config::Config& config, std::optional<WatchedFiles> files) {
  if (!config.server.watch) return parts_->watch->stop();
  // A source that cannot be read is watched as before: it will be another when it can.
  if (!files) return;
  parts_->watch->watch({.read = std::move(files->read),
                        .listed_folder = std::move(files->listed_folder),
                        .tls = tls_paths(config)});
}

void Server::remember_reload(Prepared& prepared) {
  const bool held = roll_back_ != nullptr;
  if (prepared.roll_back) {
    if (prepared.wanted.generation) {
      log::warn("rolled back; this holds until the configuration's source changes",
                {{"to_generation", prepared.roll_back->generation}});
    } else if (is_of_file_) {
      log::warn("the configuration's source has not changed: the rollback holds",
                {{"to_generation", prepared.roll_back->generation}});
    }
    roll_back_ = std::make_unique<RollBack>(*prepared.roll_back);
  } else {
    if (held) log::info("the rollback has ended");
    roll_back_.reset();
  }
  process_->metrics.config_rolled_back.set(roll_back_ ? 1 : 0);
  history_->add({.generation = generation_,
                 .at = WallClock::now(),
                 .source = prepared.wanted.by,
                 .rolled_back_to = rolled_back_to(),
                 .changes = {},
                 .origin = std::move(prepared.origin)});
  watch_files(snapshot_->config(), std::move(prepared.files));
  parts_->digest_begun = true;
  parts_->background.run(
      [this, digest = parts_->digest, before = std::exchange(parts_->undigested, nullptr),
       after = snapshot_->shared_config(), generation = generation_]() mutable -> Background::Then {
        try {
          if (!*digest && before) *digest = config::digest_of(*before);
          auto next = config::digest_of(*after);
          before.reset();
          after.reset();
          std::optional<config::ConfigChanges> changes;
          if (*digest) changes = config::compare(**digest, next);
          *digest = std::move(next);
          if (!changes) return [] {};
          return [this, generation, changes = std::move(*changes)] {
            history_->compared(generation, changes);
          };
        } catch (const std::exception&) {  // no memory: that generation's changes are not known
          return [] {};
        }
      });
}

void Server::with_history(std::function<void(const History&)> told) {
  // Behind the comparisons that are under way.
  parts_->background.run([this, told = std::move(told)]() -> Background::Then {
    return [this, told] { told(*history_); };
  });
}

std::string Server::readiness_details() const {
  std::string out = "generation " + std::to_string(snapshot_ ? snapshot_->generation() : 0) + "\n";
  if (roll_back_) {
    out += "rolled back to generation " + std::to_string(roll_back_->generation) +
           "; this holds until the configuration's source changes\n";
  }
  if (last_reload_ && !last_reload_->problems.empty()) {
    out += "the last reload was refused, what runs is older than its source\n";
  }
  if (upgrades_.predecessor_drains && upgrades_.predecessor) {
    out += "process " + std::to_string(*upgrades_.predecessor) +
           " handed over to this one and still drains\n";
  }
  if (upgrades_.last_failure) {
    out += "the last upgrade was refused: " + upgrades_.last_failure->problem + "\n";
  }
  if (!parts_) return out;
  for (const DrainingListener& each : parts_->listening.draining()) {
    out += "listener " + each.name + " is gone and drains " + std::to_string(each.connections) +
           (each.connections == 1 ? " connection\n" : " connections\n");
  }
  return out;
}

}  // namespace weir::server
