// One process hands its listeners over to another: what the old one does, which drains, and the new
// one, which accepts nothing before the old one has let go.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/server_parts.hpp"
#include "weir/config/duration.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

std::expected<std::vector<net::HandedSockets>, std::string> Server::listening() const {
  std::vector<net::HandedSockets> out;
  for (const BoundListener& listener : parts_->listeners) {
    for (const net::ListenSockets& sockets : listener.sockets) {
      auto fds = sockets.duplicate();
      if (!fds) {
        return std::unexpected("listener " + listener.config->name + ": " +
                               sockets.address().to_string() + ": " + fds.error());
      }
      net::HandedSockets& one = out.emplace_back();
      one.address = {
          .owner = sockets.is_passed() ? net::HandedFor::manager : net::HandedFor::gateway,
          .count = static_cast<unsigned>(fds->size()),
          .name = listener.config->name,
          .asked = sockets.is_passed() ? "" : sockets.asked()};
      one.fds = std::move(*fds);
    }
  }
  return out;
}

void Server::hand_over(std::function<void(int)> done) {
  stopped_ = std::move(done);
  stopping_ = true;
  handed_over_ = true;
  accepting_ = false;
  const Duration at_most = snapshot_->config().server.handover_timeout;
  log::info("draining", {{"at_most", config::format_duration(at_most)}});
  parts_->reloads.stop();
  if (leaving_told_) leaving_told_(true);
  // Before the connections are told to close, so that whoever comes back finds the new process.
  // Twice round, as in stop_accepting().
  tell_workers(&Worker::leave_listeners,
               [this] { tell_workers(&Worker::finish, [this] { finished(); }); });
  drain();
  cut_after(at_most, "handover_timeout");
}

void Server::hurry() {
  if (!handed_over_ || std::exchange(hurried_, true)) return;
  const Duration left = parts_->timer.expiry() - Clock::now();
  const Duration at_most = std::min(left, snapshot_->config().server.drain_timeout);
  log::info("draining", {{"at_most", config::format_duration(at_most)}});
  cut_after(at_most, "drain_timeout");
}

void Server::when_able(std::function<void()> told) {
  if (parts_->readiness.reached()) return told();
  able_told_ = std::move(told);
}

void Server::release() {
  for (const std::string& socket : passed_.left()) {
    log::info("a socket of the process before is given up", {{"socket", socket}});
  }
  for (const std::string& file : passed_.left_files()) ::unlink(file.c_str());
  passed_ = {};
  held_ = false;
  start_workers();
  for (const auto& told : std::exchange(released_told_, {})) told();
  tell_serving();
  tell_reached();
}

void Server::when_released(std::function<void()> told) {
  if (!held_) return told();
  released_told_.push_back(std::move(told));
}

std::optional<net::ListenSockets> Server::take_admin_socket(std::string_view asked) {
  return passed_.take_handed(net::HandedFor::admin, "", asked);
}

void Server::upgrade(UpgradeDone done) {
  if (upgrade_asked_) return upgrade_asked_(std::move(done));
  done(std::unexpected(
      Problems{{.place = {}, .path = {}, .message = "this process cannot hand over to another"}}));
}

void Worker::leave_listeners(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    for (const auto& acceptor : acceptors_) acceptor->leave();
    done();
  });
}

// Of unix: sockets that nobody listens on any more.
void Server::remove_files() const {
  if (handed_over_) return;
  for (const BoundListener& listener : parts_->listeners) {
    for (const net::ListenSockets& sockets : listener.sockets) {
      const SocketAddress& address = sockets.address();
      const bool others = sockets.is_passed() || (held_ && sockets.is_handed());
      if (address.is_unix() && !others) ::unlink(address.path().c_str());
    }
  }
}

}  // namespace weir::server
