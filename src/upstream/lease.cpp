#include "weir/upstream/lease.hpp"

#include <exception>
#include <string>

#include "upstream/client_shares.hpp"
#include "upstream/debug_steps.hpp"
#include "upstream/worker_view.hpp"
#include "weir/base/debug_log.hpp"
#include "weir/codec/h1/client_exchange.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::upstream {

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  end();
  queue_time = other.queue_time;
  connect_time = other.connect_time;
  cluster_ = std::exchange(other.cluster_, nullptr);
  endpoint_ = std::exchange(other.endpoint_, nullptr);
  connection_ = std::move(other.connection_);
  session_ = std::exchange(other.session_, nullptr);
  worker_ = other.worker_;
  reused_ = other.reused_;
  holds_ = std::exchange(other.holds_, Holds::nothing);
  cells_ = std::exchange(other.cells_, {});
  place_ = std::move(other.place_);
  tunnel_pin_ = std::move(other.tunnel_pin_);
  return *this;
}

std::unique_ptr<codec::ClientExchange> Lease::begin(TransferClock& clock, const CancelScope& scope,
                                                    codec::ClientExchange::Owner& owner,
                                                    Method method, std::size_t header_size) {
  if (session_ != nullptr)
    return session_->connection->begin(clock, scope, owner, method, header_size);
  return codec::h1::make_client_exchange(connection_->stream(), clock, scope, owner, method,
                                         header_size, cluster_->view(worker_).settings().lenient);
}

bool Lease::reads_load() const noexcept {
  return cluster_->view(worker_).settings().load_balancer.weights ==
         config::BalancerWeights::reported;
}

void Lease::tell_chosen(std::string_view request_id) const noexcept {
  constexpr auto component = debug_log::Component::upstream;
  if (!debug_log::on(component, debug_log::Level::debug)) [[likely]]
    return;
  debug_log::write(component, debug_log::Level::debug, "endpoint chosen",
                   {{"request_id", request_id},
                    {"upstream", cluster_->name()},
                    {"endpoint", endpoint_->address()},
                    {"connection", connection_id()},
                    {"reused", reused_},
                    {"in_flight", endpoint_->in_flight()}});
}

void Lease::set_session(PooledSession& session) noexcept {
  session_ = &session;
  reused_ = std::exchange(session.used, true);
}

void Lease::give_session_back() noexcept {
  PooledSession& session = *std::exchange(session_, nullptr);
  SessionPool& pool = session.pool;
  pool.give_back(session);
  const Endpoint::Slot& slot = endpoint_->slot(worker_);
  const bool keeps = cluster_->view(worker_).keeps() && !slot.detached &&
                     endpoint_->state() == EndpointState::ready;
  if (!keeps) pool.clear();
}

std::unique_ptr<Connection> Lease::take_connection() noexcept {
  if (connection_ != nullptr) {
    std::atomic<std::uint32_t>& active = endpoint_->slot(worker_).active;
    active.store(active.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  return std::move(connection_);
}

void Lease::count_for(const IpAddress& client) noexcept {
  cells_ = cluster_->clients().take(worker_, client);
  // Far from the limit nobody has half of it.
  if (endpoint_->in_flight() * 2 >= cluster_->view(worker_).limit_of(*endpoint_)) [[unlikely]]
    warn_of_share(client);
}

void Lease::warn_of_share(const IpAddress& client) const noexcept {
  ClientShares& shares = cluster_->clients();
  const WorkerView& view = cluster_->view(worker_);
  const std::uint64_t permits = view.permits();
  const std::uint64_t held = shares.held(cells_);
  if (held < 2 || held * 2 < permits || !shares.may_warn(view.loop().now())) return;
  try {
    telemetry::log::warn("one client address holds half of an upstream's places",
                         {{"upstream", cluster_->name()},
                          {"client", client.to_string()},
                          {"requests", std::to_string(held)},
                          {"permits", std::to_string(permits)}});
  } catch (const std::exception&) {
    // No memory for the line, which is no reason to refuse the request.
  }
}

void Lease::leave_permit() noexcept {
  if (cells_.counted) cluster_->clients().give_back(worker_, std::exchange(cells_, {}));
  place_.end();
  cluster_->release_permit(*endpoint_, worker_);
}

void Lease::give_back() noexcept {
  // A connection that was a tunnel carries no other request; end() closes it.
  if (holds_ != Holds::permit) return;
  holds_ = Holds::nothing;
  leave_session();
  // Before the permit, so that who gets that finds the connection.
  if (auto connection = take_connection()) {
    cluster_->view(worker_).keep(*endpoint_, std::move(connection));
  }
  leave_permit();
}

bool Lease::into_tunnel() {
  if (holds_ != Holds::permit) return false;
  if (!endpoint_->take_tunnel(cluster_->view(worker_).settings().pool.tunnels)) return false;
  tunnel_pin_ = cluster_->shared_from_this();
  holds_ = Holds::tunnel;
  leave_permit();
  return true;
}

void Lease::end() noexcept {
  if (cluster_ == nullptr) return;
  if (connection_ != nullptr) tell_retired(connection_->stream().id(), "its answer did not end");
  take_connection().reset();
  leave_session();
  switch (std::exchange(holds_, Holds::nothing)) {
    case Holds::nothing:
      break;
    case Holds::permit:
      leave_permit();
      break;
    case Holds::tunnel:
      endpoint_->drop_tunnel();
      break;
  }
  Endpoint::Slot& slot = endpoint_->slot(worker_);
  if (--slot.leases == 0 && slot.detached) cluster_->view(worker_).forget(*endpoint_);
  endpoint_ = nullptr;
  cluster_ = nullptr;
  tunnel_pin_.reset();
}

}  // namespace weir::upstream
