// One process hands its listeners over to another: what the old one does, which drains, and the new
// one, which accepts nothing before the old one has let go.
#include <algorithm>
#include <utility>

#include "server/server_parts.hpp"
#include "weir/config/duration.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

std::expected<std::vector<net::HandedSockets>, std::string> Server::listening() const {
  return parts_->listening.handed();
}

void Server::hand_over(std::function<void(int)> done) {
  stopped_ = std::move(done);
  stopping_ = true;
  handed_over_ = true;
  accepting_ = false;
  const Duration at_most = snapshot_->config().server.handover_timeout;
  log::info("draining", {{"at_most", config::format_duration(at_most)}});
  parts_->reloads.stop();
  // The new process follows what this one has followed, and has server.state_dir.
  parts_->watch->stop();
  parts_->providers.stop();
  parts_->endpoint_lists.stop();
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
  parts_->listening.give_up_handed();
  held_ = false;
  parts_->providers.keep(true);
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
  return parts_->listening.take_admin_socket(asked);
}

void Server::upgrade(UpgradeDone done) {
  if (upgrade_asked_) return upgrade_asked_(std::move(done));
  done(std::unexpected(
      Problems{{.place = {}, .path = {}, .message = "this process cannot hand over to another"}}));
}

}  // namespace weir::server
