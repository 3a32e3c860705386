#include "weir/upstream/cluster.hpp"

#include <algorithm>
#include <utility>

#include "upstream/breaker_policy.hpp"
#include "upstream/client_shares.hpp"
#include "upstream/limit_policy.hpp"
#include "upstream/outlier_policy.hpp"
#include "upstream/worker_view.hpp"
#include "weir/base/chance.hpp"

namespace weir::upstream {
namespace {

using Problems = std::vector<config::Problem>;

const config::EndpointsFrom* file_of(const config::Upstream& upstream) {
  return upstream.endpoints_from ? &*upstream.endpoints_from : nullptr;
}

// What is offered in ALPN, the preferred first.
std::vector<std::string> offered_protocols(const config::Upstream& upstream) {
  switch (upstream.protocol) {
    case config::UpstreamProtocol::http1:
      break;
    case config::UpstreamProtocol::h2:
      return {"h2"};
    case config::UpstreamProtocol::automatic:
      return {"h2", "http/1.1"};
  }
  return {"http/1.1"};
}

}  // namespace

std::expected<std::shared_ptr<net::TlsClient>, std::vector<config::Problem>> open_tls(
    const config::Upstream& upstream) {
  if (!upstream.tls) return nullptr;
  return net::TlsClient::open(*upstream.tls, offered_protocols(upstream));
}

Cluster::Cluster(const config::Upstream& upstream, std::vector<net::Loop*> workers,
                 RegistryHooks hooks)
    : name_(upstream.name),
      workers_(std::move(workers)),
      hooks_(std::move(hooks)),
      breaker_(
          [this](const control::BreakerChange& change) {
            if (hooks_.breaker_changed) hooks_.breaker_changed(name_, change);
          },
          [this](const control::JointShedChange& change) {
            if (hooks_.shed_changed) hooks_.shed_changed(name_, change);
          },
          chance()),
      heads_(static_cast<unsigned>(workers_.size())),
      clients_(std::make_unique<ClientShares>(static_cast<unsigned>(workers_.size()))) {
  breaker_.apply(breaker_policy(upstream.circuit_breaker));
  breaker_.shed().apply(shed_policy(upstream.circuit_breaker));
  retry_budget_.apply(upstream.retry_budget.share, upstream.retry_budget.min);
  outliers_.apply(outlier_policy(upstream.outlier_detection), Clock::now());
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    views_.push_back(std::make_unique<WorkerView>(*this, *workers_[worker], worker));
  }
  auto next = std::make_shared<State>();
  next->settings = upstream;
  auto opened = open_tls(upstream);
  if (opened) next->tls = std::move(*opened);
  tls_refusals_.news(opened ? Problems() : std::move(opened.error()), true);
  Membership members;
  members.configure(upstream.endpoints, {}, file_of(upstream));
  const std::lock_guard lock(mutex_);
  rebuild(std::move(next), std::move(members));
}

Cluster::~Cluster() = default;

std::shared_ptr<const Cluster::State> Cluster::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::shared_ptr<Cluster::State> Cluster::next_state() const {
  auto next = std::make_shared<State>();
  next->settings = state_->settings;
  next->tls = state_->tls;
  next->retired = state_->retired;
  return next;
}

std::shared_ptr<Endpoint> Cluster::endpoint_for(const Membership::Listed& listed,
                                                const EndpointSet& before) {
  std::weak_ptr<Endpoint>& known = known_[listed.address.to_string()];
  std::shared_ptr<Endpoint> endpoint = known.lock();
  if (endpoint != nullptr && before.contains(endpoint.get())) return endpoint;
  const std::string& text = endpoint != nullptr ? endpoint->address() : listed.text;
  std::shared_ptr<void> annex;
  if (hooks_.endpoint_added) annex = hooks_.endpoint_added(name_, text);
  if (endpoint == nullptr) {
    endpoint = std::make_shared<Endpoint>(text, listed.address,
                                          static_cast<unsigned>(workers_.size()), std::move(annex));
    known = endpoint;
  }
  if (in_service_.load(std::memory_order_relaxed)) endpoint->is_back(Clock::now());
  return endpoint;
}

std::shared_ptr<Endpoint> Cluster::find(std::string_view address) const {
  const auto found = std::ranges::find(state_->endpoints, address, &Endpoint::address);
  return found != state_->endpoints.end() ? *found : nullptr;
}

void Cluster::set_state(Endpoint& endpoint, EndpointState state) noexcept {
  const EndpointState before = endpoint.state_.exchange(state, std::memory_order_relaxed);
  if (before != EndpointState::ready && state == EndpointState::ready) {
    endpoint.is_back(Clock::now());
  }
}

std::vector<std::string> Cluster::rebuild(std::shared_ptr<State> next, Membership members) {
  const std::vector<Membership::Listed> list = members.list();
  EndpointSet before;
  if (state_) {
    for (const auto& endpoint : state_->endpoints) before.insert(endpoint.get());
  }
  EndpointSet now;
  for (const Membership::Listed& listed : list) {
    const auto& endpoint = next->endpoints.emplace_back(endpoint_for(listed, before));
    now.insert(endpoint.get());
    if (next->tls) next->hosts.emplace(endpoint.get(), listed.host);
    endpoint->priority_.store(listed.priority, std::memory_order_relaxed);
    next->sources.emplace(endpoint.get(), listed.sources);
    endpoint->of_name_.store(listed.is_found, std::memory_order_relaxed);
    if (endpoint->configured_weight_ == listed.weight) continue;
    endpoint->configured_weight_ = listed.weight;
    endpoint->weight_.store(listed.weight, std::memory_order_relaxed);
  }
  note_families(*next, list);
  note_zones(*next, list);
  if (const auto policy = limit_policy(next->settings.concurrency)) {
    const TimePoint begin = Clock::now();
    for (const auto& endpoint : next->endpoints) endpoint->follow(*policy, begin);
  }
  std::vector<std::string> gone;
  if (state_ && !state_->retired) {
    for (const auto& endpoint : state_->endpoints) {
      if (!next->retired && now.contains(endpoint.get())) continue;
      // What an operator set ends with the listing.
      endpoint->state_.store(EndpointState::ready, std::memory_order_relaxed);
      endpoint->weight_.store(endpoint->configured_weight_, std::memory_order_relaxed);
      gone.push_back(endpoint->address());
    }
  }
  by_latency_.store(next->settings.load_balancer.policy == config::LoadBalancing::peak_ewma ||
                        next->settings.concurrency.is_adaptive(),
                    std::memory_order_relaxed);
  state_ = std::move(next);
  members_ = std::move(members);
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  generation_.fetch_add(1, std::memory_order_release);
  return gone;
}

// REQUIRES: the endpoints are those of `listed`, in its order.
void Cluster::note_families(State& state, std::span<const Membership::Listed> listed) {
  if (std::ranges::none_of(listed, &Membership::Listed::is_second)) return;
  std::unordered_map<std::string_view, std::shared_ptr<std::vector<const Endpoint*>>> firsts;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (!listed[i].address.ip().is_v6()) continue;
    for (const std::string& host : listed[i].hosts_of) {
      auto& of_host = firsts[host];
      if (!of_host) of_host = std::make_shared<std::vector<const Endpoint*>>();
      of_host->push_back(state.endpoints[i].get());
    }
  }
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (!listed[i].is_second) continue;
    std::vector<State::Firsts>& before = state.firsts[state.endpoints[i].get()];
    for (const std::string& host : listed[i].hosts_of) {
      if (const auto found = firsts.find(host); found != firsts.end()) {
        before.push_back(found->second);
      }
    }
  }
}

// REQUIRES: the endpoints are those of `listed`, in its order.
void Cluster::note_zones(State& state, std::span<const Membership::Listed> listed) const {
  const auto has_zone = [](const Membership::Listed& one) { return !one.zone.empty(); };
  if (std::ranges::none_of(listed, has_zone)) return;
  for (const Membership::Listed& one : listed) {
    state.zones.push_back(one.zone);
    state.zone_counts.push_back(hooks_.zone_added ? hooks_.zone_added(name_, one.zone) : nullptr);
  }
}

void Cluster::announce(std::span<const std::string> gone) {
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker]->mailbox().post(
        [self = shared_from_this(), worker] { self->view(worker).try_refresh(); });
  }
  if (hooks_.cluster_changed) hooks_.cluster_changed(shared_from_this());
  if (!hooks_.endpoint_gone) return;
  for (const std::string& address : gone) hooks_.endpoint_gone(name_, address);
}

void Cluster::apply(const config::Upstream& upstream, const Addresses& found) {
  auto next = std::make_shared<State>();
  next->settings = upstream;
  const std::shared_ptr<const State> before = state();
  // Files that are the same keep what was made of them, with its sessions and connections.
  const bool same = before->tls && before->settings.tls == upstream.tls &&
                    before->settings.protocol == upstream.protocol &&
                    !before->tls->files_changed() && !tls_refusals_.pending();
  next->tls = before->tls;
  if (!same) {
    auto opened = open_tls(upstream);
    if (opened) next->tls = std::move(*opened);
    tls_refusals_.news(opened ? Problems() : std::move(opened.error()), true);
  }
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    Membership members = members_;
    members.configure(upstream.endpoints, found, file_of(upstream));
    gone = rebuild(std::move(next), std::move(members));
  }
  breaker_.apply(breaker_policy(upstream.circuit_breaker));
  breaker_.shed().apply(shed_policy(upstream.circuit_breaker));
  retry_budget_.apply(upstream.retry_budget.share, upstream.retry_budget.min);
  {
    const std::lock_guard lock(health_mutex_);
    outliers_.apply(outlier_policy(upstream.outlier_detection), Clock::now());
  }
  announce(gone);
}

std::vector<config::Problem> Cluster::refresh_tls() {
  const std::shared_ptr<const State> before = state();
  if (!before->settings.tls || before->retired) return {};
  const bool fresh = before->tls && before->tls->files_changed();
  if (!fresh && !tls_refusals_.pending()) return {};
  auto opened = open_tls(before->settings);
  if (!opened) return tls_refusals_.news(std::move(opened.error()), fresh);
  tls_refusals_.news({}, fresh);
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<State> next = next_state();
    next->tls = std::move(*opened);
    gone = rebuild(std::move(next), members_);
  }
  announce(gone);
  return {};
}

void Cluster::retire() {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    if (state_->retired) return;
    std::shared_ptr<State> next = next_state();
    next->retired = true;
    gone = rebuild(std::move(next), members_);
  }
  announce(gone);
}

bool Cluster::retired() const { return state()->retired; }

bool Cluster::set_endpoint(std::string_view address, std::optional<EndpointState> state,
                           std::optional<std::uint32_t> weight) {
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<Endpoint> endpoint = find(address);
    if (!endpoint) return false;
    if (state) set_state(*endpoint, *state);
    if (weight) endpoint->weight_.store(*weight, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
  }
  announce({});
  return true;
}

bool Cluster::reset_endpoint(std::string_view address) {
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<Endpoint> endpoint = find(address);
    if (!endpoint) return false;
    set_state(*endpoint, EndpointState::ready);
    endpoint->weight_.store(endpoint->configured_weight_, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
  }
  announce({});
  return true;
}

std::vector<NamedEndpoint> Cluster::named_endpoints() const {
  const std::lock_guard lock(mutex_);
  return members_.names(state_->settings.dns);
}

config::Upstream Cluster::settings() const { return state()->settings; }

std::vector<std::string> Cluster::waits_for() const {
  const std::lock_guard lock(mutex_);
  if (state_->retired || !state_->endpoints.empty()) return {};
  return members_.unresolved();
}

void Cluster::set_members(std::string_view source, std::vector<Member> members) {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    if (state_->retired) return;
    Membership next = members_;
    if (!next.set(source, std::move(members))) return;
    gone = rebuild(next_state(), std::move(next));
  }
  announce(gone);
}

void Cluster::set_endpoints(std::vector<config::EndpointSpec> endpoints) {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    if (state_->retired) return;
    std::shared_ptr<State> next = next_state();
    next->settings.endpoints = std::move(endpoints);
    Membership members = members_;
    members.configure(next->settings.endpoints, {}, file_of(next->settings));
    gone = rebuild(std::move(next), std::move(members));
  }
  announce(gone);
}

bool Cluster::set_listed(const config::ListedEndpoints& listed, TimePoint read_at) {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    if (state_->retired) return false;
    Membership next = members_;
    if (!next.set_listed(listed, read_at)) {
      members_ = std::move(next);  // it knows when the list was read
      return false;
    }
    gone = rebuild(next_state(), std::move(next));
  }
  announce(gone);
  return true;
}

}  // namespace weir::upstream
