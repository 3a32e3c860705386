#include "weir/provider/providers.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <ranges>
#include <utility>

#include "provider/etcd/etcd_provider.hpp"
#include "provider/known_document.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::provider {

namespace log = telemetry::log;

namespace {

constexpr std::size_t most_logged = 5;  // problems of a document

double seconds_since_epoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Providers::Providers(asio::io_context& main, ProvidersHooks hooks, ProvidersTimes times)
    : hooks_(std::move(hooks)), times_(times), main_(main), timer_(main) {}

Providers::~Providers() { stop(); }

void Providers::stop() {
  if (std::exchange(stopped_, true)) return;
  alive_.reset();
  timer_.cancel();
  if (etcd_) etcd_->provider->stop();
}

// --- who gives something

void Providers::configure(const config::Config& config) {
  if (stopped_) return;
  state_dir_ = config.server.state_dir.empty() ? "" : config.resolve(config.server.state_dir);
  const std::optional<config::EtcdProvider>& wanted = config.providers.etcd;
  if (etcd_ && wanted && etcd_->settings == *wanted) return;
  if (etcd_) etcd_->provider->stop();
  if (!wanted) {
    etcd_.reset();
    in_force_.clear();
    updates_.clear();
    return;
  }
  const bool is_new = !etcd_;
  Remote remote;
  remote.settings = *wanted;
  remote.provider =
      hooks_.make_etcd ? hooks_.make_etcd(*wanted) : std::make_unique<etcd::EtcdProvider>(*wanted);
  remote.metrics = hooks_.metrics(remote.provider->name());
  etcd_.emplace(std::move(remote));
  if (is_new) load(*etcd_);
  judge_again(*etcd_);
  etcd_->provider->start([this, main = &main_, posted = posted_, weak = std::weak_ptr(alive_)] {
    if (posted->exchange(true)) return;
    asio::post(*main, [this, posted, weak] {
      posted->store(false);
      if (!weak.expired()) told();
    });
  });
}

void Providers::told() {
  if (!etcd_) return;
  tell_state(*etcd_);
  arm(times_.gather);
}

void Providers::tell_state(Remote& remote) {
  const ProviderState state = remote.provider->state();
  remote.metrics->up.set(state.up ? 1 : 0);
  if (state.up && !remote.was_up) {
    log::info("provider is up", {{"provider", remote.provider->name()}, {"from", state.from}});
  }
  if (!state.error.empty() && state.error != remote.told_error) {
    log::warn("provider is away, what it gave stays in force",
              {{"provider", remote.provider->name()}, {"error", state.error}});
  }
  remote.was_up = state.up;
  remote.told_error = state.error;
}

void Providers::arm(Duration after) {
  if (armed_ || stopped_) return;
  armed_ = true;
  timer_.expires_after(after);
  timer_.async_wait([this, weak = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || weak.expired()) return;
    armed_ = false;
    look();
  });
}

// --- what is new

void Providers::refresh(Remote& remote) {
  const auto documents = remote.provider->documents();
  if (!documents) return;
  remote.is_listed = true;
  std::map<std::string, Known, std::less<>> next;
  for (const auto& document : *documents) {
    const auto before = remote.now.find(document->name);
    const auto judged = remote.judged.find(document->name);
    const auto is_it = [&](const Known& known) {
      return known->document().version == document->version &&
             known->document().text == document->text;
    };
    Known known;
    if (before != remote.now.end() && is_it(before->second)) known = before->second;
    if (!known && judged != remote.judged.end() && is_it(judged->second)) known = judged->second;
    if (!known) {
      // After a restart it is perhaps the one that was in force.
      const InForce* in_force = find_in_force(document->name);
      if (in_force != nullptr && is_it(in_force->document)) known = in_force->document;
    }
    if (!known) known = std::make_shared<const KnownDocument>(remote.provider->name(), document);
    next.emplace(document->name, std::move(known));
  }
  remote.now = std::move(next);
}

InForce* Providers::find_in_force(const std::string& name) {
  const auto found = std::ranges::find_if(
      in_force_, [&](const InForce& each) { return each.name == name && !each.only; });
  return found == in_force_.end() ? nullptr : &*found;
}

bool Providers::is_other(const Remote& remote) const {
  return remote.is_listed && remote.now != remote.judged;
}

void Providers::look() {
  if (!etcd_ || stopped_) return;
  if (building_ || comparing_) {
    dirty_ = true;
    return;
  }
  Remote& remote = *etcd_;
  refresh(remote);
  if (needs_build_) return hooks_.rebuild();
  if (!is_other(remote)) {
    if (remote.is_listed) settle(remote);
    return;
  }
  if (auto changes = endpoint_candidates(remote)) return compare(std::move(*changes));
  hooks_.rebuild();
}

std::optional<std::vector<Providers::Change>> Providers::endpoint_candidates(
    const Remote& remote) const {
  if (remote.now.size() != remote.judged.size()) return std::nullopt;
  std::vector<Change> out;
  for (const auto& [name, after] : remote.now) {
    const auto before = remote.judged.find(name);
    if (before == remote.judged.end()) return std::nullopt;
    if (before->second == after) continue;
    const bool is_in_force = std::ranges::any_of(in_force_, [&](const InForce& each) {
      return each.document == before->second && !each.only;
    });
    if (!is_in_force) return std::nullopt;
    out.push_back({name, before->second, after});
  }
  return out;
}

void Providers::compare(std::vector<Change> changes) {
  using Found = std::vector<std::optional<std::vector<config::EndpointChange>>>;
  comparing_ = true;
  auto shared = std::make_shared<const std::vector<Change>>(std::move(changes));
  hooks_.aside([this, shared, weak = std::weak_ptr(alive_)]() -> ProvidersHooks::Then {
    auto found = std::make_shared<Found>();
    for (const Change& each : *shared) {
      found->push_back(config::endpoint_changes(
          {each.before->place(), each.before->document().text, std::nullopt},
          {each.after->place(), each.after->document().text, std::nullopt}));
      if (!found->back()) break;
    }
    return [this, shared, found, weak] {
      if (!weak.expired()) compared(*shared, *found);
    };
  });
}

void Providers::compared(
    const std::vector<Change>& changes,
    const std::vector<std::optional<std::vector<config::EndpointChange>>>& found) {
  comparing_ = false;
  if (!etcd_) return;
  // A build that began meanwhile has them.
  if (building_) {
    dirty_ = true;
    return;
  }
  const bool all = found.size() == changes.size() &&
                   std::ranges::all_of(found, [](const auto& each) { return each.has_value(); });
  if (!all) return hooks_.rebuild();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    for (const config::EndpointChange& each : *found[i]) {
      if (!hooks_.endpoints({each.upstream, each.endpoints})) return hooks_.rebuild();
      updates_.insert_or_assign(each.upstream, each.endpoints);
    }
    const Change& change = changes[i];
    if (InForce* in_force = find_in_force(change.name)) in_force->document = change.after;
    etcd_->judged.insert_or_assign(change.name, change.after);
    for (Verdict& verdict : etcd_->verdicts) {
      if (verdict.document == change.name) verdict.version = change.after->document().version;
    }
  }
  etcd_->metrics->last_success.set(seconds_since_epoch());
  save();
  // The first list may differ from what was kept on disk by endpoints alone.
  if (etcd_->is_listed && !is_other(*etcd_)) settle(*etcd_);
  if (std::exchange(dirty_, false)) look();
}

// --- builds

std::shared_ptr<const Inputs> Providers::begin_build() {
  building_ = true;
  needs_build_ = false;
  auto out = std::make_shared<Inputs>();
  if (!etcd_) return out;
  Remote& remote = *etcd_;
  refresh(remote);
  if (remote.is_listed) remote.judged = remote.now;
  std::set<std::string> names;
  for (const auto& [name, known] : remote.now) names.insert(name);
  for (const InForce& each : in_force_) {
    if (each.only) {
      out->push_back({.provider = each.provider,
                      .rank = 1,
                      .name = each.name,
                      .now = nullptr,
                      .good = each.document});
    } else {
      names.insert(each.name);
    }
  }
  for (const std::string& name : names) {
    const InForce* in_force = find_in_force(name);
    const Known good = in_force != nullptr ? in_force->document : nullptr;
    const auto now = remote.now.find(name);
    const Known is = !remote.is_listed ? good : now != remote.now.end() ? now->second : nullptr;
    out->push_back(
        {.provider = remote.provider->name(), .rank = 1, .name = name, .now = is, .good = good});
  }
  return out;
}

std::shared_ptr<const Inputs> Providers::in_force() const {
  auto out = std::make_shared<Inputs>();
  for (const InForce& each : in_force_) {
    out->push_back({.provider = each.provider,
                    .rank = 1,
                    .name = each.name,
                    .now = each.only ? nullptr : each.document,
                    .good = each.document});
  }
  return out;
}

void Providers::committed(const Joined* joined, std::uint64_t generation) {
  updates_.clear();
  if (!etcd_ || joined == nullptr) {
    in_force_.clear();
    return;
  }
  const bool is_same =
      std::ranges::equal(in_force_, joined->in_force, [](const InForce& a, const InForce& b) {
        return a.document == b.document && a.only == b.only;
      });
  in_force_ = joined->in_force;
  judge(*etcd_, *joined);
  if (!is_same) {
    log::info("documents in force", {{"provider", etcd_->provider->name()},
                                     {"documents", std::to_string(in_force_.size())},
                                     {"generation", std::to_string(generation)}});
    save();
  }
}

void Providers::judge(Remote& remote, const Joined& joined) {
  std::vector<Verdict> verdicts;
  std::set<std::string> rejected;
  for (const JoinVerdict& each : joined.verdicts) {
    const Verdict& verdict = each.verdict;
    if (verdict.use != Verdict::Use::in_force || !verdict.problems.empty()) {
      std::string key = verdict.document + '\n' + verdict.version + '\n' + to_text(verdict.use);
      for (const std::string& problem : verdict.problems) key += '\n' + problem;
      if (!remote.rejected.contains(key)) {
        if (verdict.use != Verdict::Use::in_force) remote.metrics->rejected.add();
        for (const std::string& problem : verdict.problems | std::views::take(most_logged)) {
          log::warn("document not taken as it is", {{"provider", each.provider},
                                                    {"document", verdict.document},
                                                    {"version", verdict.version},
                                                    {"use", to_text(verdict.use)},
                                                    {"problem", problem}});
        }
      }
      rejected.insert(std::move(key));
    }
    verdicts.push_back(verdict);
  }
  remote.verdicts = std::move(verdicts);
  remote.rejected = std::move(rejected);
  remote.provider->taken(remote.verdicts);
  if (remote.is_listed) remote.metrics->last_success.set(seconds_since_epoch());
}

// What is in force is what was judged last, and what else comes is news.
void Providers::judge_again(Remote& remote) const {
  remote.judged.clear();
  for (const InForce& each : in_force_) {
    if (!each.only) remote.judged.emplace(each.name, each.document);
  }
}

void Providers::settle(Remote& remote) {
  if (std::exchange(remote.is_settled, true)) return;
  hooks_.settled();
}

void Providers::ended(const std::string& why_not) {
  building_ = false;
  if (!why_not.empty() && etcd_) {
    // What was asked for then is asked for again: the reason may have gone.
    judge_again(*etcd_);
    dirty_ = false;
    if (is_other(*etcd_)) arm(times_.retry);
    return;
  }
  if (etcd_ && etcd_->is_listed && !is_other(*etcd_)) settle(*etcd_);
  if (std::exchange(dirty_, false)) look();
}

std::string Providers::waits_for() const {
  return etcd_ && !etcd_->is_settled ? "the first list of provider " + etcd_->provider->name() : "";
}

std::vector<ProviderView> Providers::views() const {
  if (!etcd_) return {};
  std::vector<ProviderView> out;
  ProviderView& files = out.emplace_back(file_.name(), file_.state());
  if (const auto documents = file_.documents()) {
    for (const auto& each : *documents)
      files.documents.push_back({each->name, each->version, Verdict::Use::in_force, {}});
  }
  out.push_back({etcd_->provider->name(), etcd_->provider->state(),
                 etcd_->metrics->rejected.value(), etcd_->verdicts});
  return out;
}

}  // namespace weir::provider
