// The sockets of the listeners on their way from one process to the next.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/listening.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

// As the listener's configuration has the address now, which another one may have bound.
std::string asked_for(const BoundAddress& address, const config::Listener& listener) {
  for (const config::BindAddress& each : listener.bind.addresses()) {
    if (each == address.written) return each.to_string();
  }
  for (const config::BindAddress& each : listener.bind.addresses()) {
    if (!each.both_families && each.address == address.sockets.address()) return each.to_string();
  }
  return address.written.to_string();
}

// `asked`, `name`: of what the gateway has bound itself.
std::expected<net::HandedSockets, std::string> copy_of(const BoundAddress& address,
                                                       const std::string& name, std::string asked) {
  const net::ListenSockets& sockets = address.sockets;
  auto fds = sockets.duplicate();
  if (!fds) {
    return std::unexpected("listener " + name + ": " + sockets.address().to_string() + ": " +
                           fds.error());
  }
  const bool is_managers = sockets.is_passed();
  net::HandedSockets out;
  out.address = {.owner = is_managers ? net::HandedFor::manager : net::HandedFor::gateway,
                 .count = static_cast<unsigned>(fds->size()),
                 .name = is_managers ? address.passed_as : name,
                 .asked = is_managers ? "" : std::move(asked)};
  out.fds = std::move(*fds);
  return out;
}

}  // namespace

std::expected<std::vector<net::HandedSockets>, std::string> Listening::handed() const {
  std::vector<net::HandedSockets> out;
  for (const BoundListener& listener : listeners_) {
    const config::Listener& config = listener.edition->config;
    for (const auto& address : listener.addresses) {
      auto one = copy_of(*address, config.name, asked_for(*address, config));
      if (!one) return std::unexpected(std::move(one.error()));
      out.push_back(std::move(*one));
    }
  }
  // The configuration that the new process reads may have a listener for them.
  for (const auto& address : spare_) {
    auto one = copy_of(*address, address->passed_as, "");
    if (!one) return std::unexpected(std::move(one.error()));
    out.push_back(std::move(*one));
  }
  return out;
}

void Listening::give_up_handed() {
  for (const std::string& socket : passed_.left()) {
    log::info("a socket of the process before is given up", {{"socket", socket}});
  }
  for (const std::string& file : passed_.left_files()) ::unlink(file.c_str());
  passed_ = {};
}

}  // namespace weir::server
