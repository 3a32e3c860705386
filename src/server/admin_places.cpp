#include "server/admin_places.hpp"

#include <chrono>
#include <list>
#include <utility>

namespace weir::server {
namespace {

// From a connect, or an answer, to the bytes of the request.
constexpr Duration moment = std::chrono::milliseconds(250);

AdminPlaces::Doing rank_of(const AdminPlaces::Connection& connection, TimePoint now) {
  const bool fresh = now - connection.active < moment;
  return connection.doing == AdminPlaces::Doing::awaits_request && fresh
             ? AdminPlaces::Doing::answers
             : connection.doing;
}

}  // namespace

AdminPlaces::Connection* AdminPlaces::enter(TimePoint now, std::function<void()> close) {
  if (kept_ >= most_) {
    if (Connection* goes = idlest(now, nullptr, false)) {
      send_away(*goes);
    } else if (kept_ >= 2 * most_) {
      return nullptr;
    }
  }
  ++kept_;
  return &connections_.emplace_back(Connection{.close = std::move(close), .active = now});
}

void AdminPlaces::leave(Connection& connection) noexcept {
  if (!connection.sent_away) {
    --kept_;
    held_ -= connection.held;
  }
  std::erase_if(connections_, [&](const Connection& one) { return &one == &connection; });
}

void AdminPlaces::holds(TimePoint now, Connection& connection, std::size_t bytes) {
  connection.doing = Doing::sends_answer;
  if (connection.sent_away) return;
  held_ += bytes - connection.held;
  connection.held = bytes;
  while (held_ > most_held_) {
    Connection* goes = idlest(now, &connection, true);
    if (goes == nullptr) return;
    send_away(*goes);
  }
}

AdminPlaces::Connection* AdminPlaces::idlest(TimePoint now, const Connection* except,
                                             bool only_holders) noexcept {
  Connection* out = nullptr;
  for (Connection& one : connections_) {
    if (one.sent_away || &one == except || one.doing >= Doing::watches) continue;
    if (only_holders && one.held == 0) continue;
    if (out == nullptr ||
        std::pair(rank_of(one, now), one.active) < std::pair(rank_of(*out, now), out->active)) {
      out = &one;
    }
  }
  return out;
}

void AdminPlaces::send_away(Connection& connection) {
  connection.sent_away = true;
  --kept_;
  held_ -= connection.held;
  connection.close();
}

}  // namespace weir::server
