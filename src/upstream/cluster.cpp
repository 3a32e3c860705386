#include "weir/upstream/cluster.hpp"

#include <algorithm>
#include <utility>

#include "upstream/breaker_policy.hpp"
#include "upstream/client_shares.hpp"
#include "upstream/worker_view.hpp"

namespace weir::upstream {
namespace {

using Problems = std::vector<config::Problem>;

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

// The part of an endpoint's address that its certificate is for; "" of a unix socket.
std::string host_of(std::string_view address) {
  const auto parts = split_host_port(address);
  return parts && !address.starts_with("unix:") ? parts->host : std::string();
}

}  // namespace

std::optional<NamedEndpoint> named_endpoint(const std::string& address) {
  if (SocketAddress::parse(address)) return std::nullopt;
  auto parts = split_host_port(address);
  if (!parts) return std::nullopt;
  return NamedEndpoint{address, std::move(parts->host), parts->port};
}

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
      breaker_([this](const control::BreakerChange& change) {
        if (hooks_.breaker_changed) hooks_.breaker_changed(name_, change);
      }),
      clients_(std::make_unique<ClientShares>(static_cast<unsigned>(workers_.size()))) {
  breaker_.apply(breaker_policy(upstream.circuit_breaker));
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    views_.push_back(std::make_unique<WorkerView>(*this, *workers_[worker], worker));
  }
  auto next = std::make_shared<State>();
  next->settings = upstream;
  auto opened = open_tls(upstream);
  if (opened) next->tls = std::move(*opened);
  tls_refusals_.news(opened ? Problems() : std::move(opened.error()), true);
  const std::lock_guard lock(mutex_);
  rebuild(std::move(next));
}

Cluster::~Cluster() = default;

std::shared_ptr<const Cluster::State> Cluster::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::shared_ptr<Endpoint> Cluster::endpoint_for(const std::string& address,
                                                const SocketAddress& target) {
  std::weak_ptr<Endpoint>& known = known_[address];
  std::shared_ptr<Endpoint> endpoint = known.lock();
  const bool listed = endpoint != nullptr && state_ != nullptr &&
                      std::ranges::find(state_->endpoints, endpoint) != state_->endpoints.end();
  if (listed) return endpoint;
  std::shared_ptr<void> annex;
  if (hooks_.endpoint_added) annex = hooks_.endpoint_added(name_, address);
  if (endpoint == nullptr) {
    endpoint = std::make_shared<Endpoint>(address, target, static_cast<unsigned>(workers_.size()),
                                          std::move(annex));
    known = endpoint;
  }
  return endpoint;
}

std::vector<std::string> Cluster::rebuild(std::shared_ptr<State> next) {
  // Two spellings of one address share an endpoint and add up their weights.
  std::unordered_map<std::string, std::uint64_t> weights;
  const auto add = [&](const std::string& address, const SocketAddress& target,
                       std::uint32_t weight, std::string_view written) {
    const auto [at, added] = weights.try_emplace(address, 0);
    at->second += weight;
    if (!added) return;
    next->endpoints.push_back(endpoint_for(address, target));
    if (next->tls) next->hosts.emplace(next->endpoints.back().get(), host_of(written));
  };
  for (const config::EndpointSpec& spec : next->settings.endpoints) {
    if (const auto fixed = SocketAddress::parse(spec.address)) {
      add(spec.address, *fixed, spec.weight, spec.address);
    } else if (const auto found = addresses_.find(spec.address); found != addresses_.end()) {
      for (const SocketAddress& address : found->second) {
        add(address.to_string(), address, spec.weight, spec.address);
      }
    } else if (const auto others = stand_ins_.find(spec.address); others != stand_ins_.end()) {
      for (const StandIn& one : others->second) {
        add(one.address, one.target, spec.weight, one.written);
      }
    }
  }
  for (const auto& endpoint : next->endpoints) {
    const auto weight = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(weights[endpoint->address()], 0xffff'ffff));
    if (endpoint->configured_weight_ == weight) continue;
    endpoint->configured_weight_ = weight;
    endpoint->weight_.store(weight, std::memory_order_relaxed);
  }
  const auto is_not_configured = [&](const auto& entry) {
    return std::ranges::none_of(next->settings.endpoints, [&](const config::EndpointSpec& spec) {
      return spec.address == entry.first;
    });
  };
  std::erase_if(addresses_, is_not_configured);
  std::erase_if(stand_ins_, is_not_configured);

  std::vector<std::string> gone;
  if (state_ && !state_->retired) {
    for (const auto& endpoint : state_->endpoints) {
      const bool stays = !next->retired && weights.contains(endpoint->address());
      if (stays) continue;
      // What an operator set ends with the listing.
      endpoint->state_.store(EndpointState::ready, std::memory_order_relaxed);
      endpoint->weight_.store(endpoint->configured_weight_, std::memory_order_relaxed);
      gone.push_back(endpoint->address());
    }
  }
  state_ = std::move(next);
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  generation_.fetch_add(1, std::memory_order_release);
  return gone;
}

void Cluster::announce(std::span<const std::string> gone) {
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker]->mailbox().post(
        [self = shared_from_this(), worker] { self->view(worker).refresh(); });
  }
  if (!hooks_.endpoint_gone) return;
  for (const std::string& address : gone) hooks_.endpoint_gone(name_, address);
}

// The endpoints that `next` no longer has stand in for its names that are new and not found: the
// first for the first, and so on, those that are left over for the last.
Cluster::StandIns Cluster::stand_ins_for(const config::Upstream& next) const {
  const auto has = [](const config::Upstream& upstream, const std::string& address) {
    return std::ranges::any_of(upstream.endpoints, [&](const config::EndpointSpec& spec) {
      return spec.address == address;
    });
  };
  StandIns out;
  std::vector<std::string> wanting;
  for (const config::EndpointSpec& spec : next.endpoints) {
    if (addresses_.contains(spec.address) || !named_endpoint(spec.address)) continue;
    if (const auto kept = stand_ins_.find(spec.address); kept != stand_ins_.end()) {
      out.insert(*kept);
    } else if (!has(state_->settings, spec.address)) {
      wanting.push_back(spec.address);
    }
  }
  if (wanting.empty()) return out;
  std::size_t place = 0;
  for (const config::EndpointSpec& spec : state_->settings.endpoints) {
    if (has(next, spec.address)) continue;
    std::vector<StandIn>& to = out[wanting[std::min(place++, wanting.size() - 1)]];
    if (const auto fixed = SocketAddress::parse(spec.address)) {
      to.push_back({spec.address, *fixed, spec.address});
    } else if (const auto found = addresses_.find(spec.address); found != addresses_.end()) {
      for (const SocketAddress& at : found->second) {
        to.push_back({at.to_string(), at, spec.address});
      }
    } else if (const auto others = stand_ins_.find(spec.address); others != stand_ins_.end()) {
      to.insert(to.end(), others->second.begin(), others->second.end());
    }
  }
  return out;
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
    for (const config::EndpointSpec& spec : upstream.endpoints) {
      const auto known = found.find(spec.address);
      if (known != found.end() && !known->second.empty())
        addresses_.insert_or_assign(known->first, known->second);
    }
    stand_ins_ = stand_ins_for(upstream);
    gone = rebuild(std::move(next));
  }
  breaker_.apply(breaker_policy(upstream.circuit_breaker));
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
  auto next = std::make_shared<State>();
  next->settings = before->settings;
  next->tls = std::move(*opened);
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = rebuild(std::move(next));
  }
  announce(gone);
  return {};
}

void Cluster::retire() {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    if (state_->retired) return;
    auto next = std::make_shared<State>();
    next->settings = state_->settings;
    next->tls = state_->tls;
    next->retired = true;
    gone = rebuild(std::move(next));
  }
  announce(gone);
}

bool Cluster::retired() const { return state()->retired; }

bool Cluster::set_endpoint(std::string_view address, std::optional<EndpointState> state,
                           std::optional<std::uint32_t> weight) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        state_->endpoints, [&](const auto& endpoint) { return endpoint->address() == address; });
    if (found == state_->endpoints.end()) return false;
    if (state) (*found)->state_.store(*state, std::memory_order_relaxed);
    if (weight) (*found)->weight_.store(*weight, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
  }
  announce({});
  return true;
}

bool Cluster::reset_endpoint(std::string_view address) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        state_->endpoints, [&](const auto& endpoint) { return endpoint->address() == address; });
    if (found == state_->endpoints.end()) return false;
    Endpoint& endpoint = **found;
    endpoint.state_.store(EndpointState::ready, std::memory_order_relaxed);
    endpoint.weight_.store(endpoint.configured_weight_, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
  }
  announce({});
  return true;
}

ClusterInfo Cluster::describe() const {
  ClusterInfo out;
  out.name = name_;
  out.pending = waiting_.load(std::memory_order_relaxed);
  std::uint64_t permits = 0;
  std::uint64_t taken = 0;
  const TimePoint now = Clock::now();
  const std::lock_guard lock(mutex_);
  const config::Pool& pool = state_->settings.pool;
  for (const auto& endpoint : state_->endpoints) {
    out.endpoints.push_back({.address = endpoint->address(),
                             .state = endpoint->state(),
                             .weight = endpoint->weight(),
                             .configured_weight = endpoint->configured_weight_,
                             .in_flight = endpoint->in_flight(),
                             .tunnels = endpoint->tunnels(),
                             .idle_connections = endpoint->idle_connections(),
                             .active_connections = endpoint->active_connections(),
                             .failure = endpoint->backoff().failure(now),
                             .endpoint = endpoint});
    if (endpoint->state() != EndpointState::ready) continue;
    permits += pool.in_flight;
    taken += endpoint->in_flight();
  }
  for (const config::EndpointSpec& spec : state_->settings.endpoints) {
    if (SocketAddress::parse(spec.address)) continue;
    const auto found = addresses_.find(spec.address);
    if (found == addresses_.end() || found->second.empty()) out.unresolved.push_back(spec.address);
  }
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
  };
  out.saturation = std::max(share(taken, permits), share(out.pending, pool.pending));
  return out;
}

std::vector<NamedEndpoint> Cluster::named_endpoints() const {
  std::vector<NamedEndpoint> out;
  const std::shared_ptr<const State> now = state();
  for (const config::EndpointSpec& spec : now->settings.endpoints) {
    if (auto name = named_endpoint(spec.address)) out.push_back(std::move(*name));
  }
  return out;
}

std::vector<std::string> Cluster::waits_for() const {
  const std::shared_ptr<const State> now = state();
  std::vector<std::string> out;
  if (now->retired || !now->endpoints.empty()) return out;
  for (const config::EndpointSpec& spec : now->settings.endpoints) {
    if (named_endpoint(spec.address)) out.push_back(spec.address);
  }
  return out;
}

void Cluster::resolved(std::string_view text, std::vector<SocketAddress> addresses) {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    const bool named =
        std::ranges::any_of(state_->settings.endpoints,
                            [&](const config::EndpointSpec& spec) { return spec.address == text; });
    if (!named || state_->retired) return;
    std::vector<SocketAddress>& known = addresses_[std::string(text)];
    if (std::ranges::is_permutation(known, addresses)) return;
    known = std::move(addresses);
    stand_ins_.erase(std::string(text));
    auto next = std::make_shared<State>();
    next->settings = state_->settings;
    next->tls = state_->tls;
    gone = rebuild(std::move(next));
  }
  announce(gone);
}

}  // namespace weir::upstream
