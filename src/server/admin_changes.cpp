// The changes that need no file: what an operator sets by PUT and takes back by DELETE.
#include <algorithm>
#include <utility>

#include "server/admin_api.hpp"
#include "server/admin_bodies.hpp"
#include "server/admin_views.hpp"
#include "server/log_level.hpp"
#include "weir/proxy/forwarder.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace log = telemetry::log;
using upstream::EndpointState;

// The split of the route of that name, or the answer that there is none.
std::expected<const config::Split*, AdminAnswer> find_split(const config::Config& config,
                                                            std::string_view name) {
  const auto route = std::ranges::find(config.routes, name, &config::Route::name);
  if (route == config.routes.end()) {
    return std::unexpected(not_found("there is no route of that name; see GET /routes"));
  }
  const auto* to = std::get_if<config::UpstreamAction>(&route->action);
  if (to == nullptr || !to->is_split) {
    return std::unexpected(unprocessable("the route has no split whose weights could be set"));
  }
  return &to->split;
}

AdminAnswer no_upstream() {
  return not_found("there is no upstream of that name; see GET /upstreams");
}
AdminAnswer no_endpoint() {
  return not_found("the upstream has no endpoint of that address; see GET /upstreams");
}

}  // namespace

void AdminApi::put_split(const AdminCall& call, Done done) {
  const auto split = find_split(server_.snapshot()->config(), call.names[0]);
  if (!split) return done(split.error());
  auto weights = parse_split(call.request.body, **split);
  if (!weights) return done(unprocessable(weights.error()));
  server_.process().splits.set(call.names[0], proxy::configured_weights(**split),
                               std::move(*weights));
  log::info("split changed", {{"route", call.names[0]}, {"weights", call.request.body}});
  done(no_content());
}

void AdminApi::delete_split(const AdminCall& call, Done done) {
  const auto split = find_split(server_.snapshot()->config(), call.names[0]);
  if (!split) return done(split.error());
  const bool was_set = server_.process().splits.clear(call.names[0]);
  if (was_set) log::info("split reset to that of the file", {{"route", call.names[0]}});
  done(no_content());
}

void AdminApi::put_endpoint(const AdminCall& call, Done done) {
  const auto cluster = server_.process().registry.find(call.names[0]);
  if (!cluster) return done(no_upstream());
  const auto listed = cluster->describe().endpoints;
  const std::string& address = call.names[1];
  if (std::ranges::find(listed, address, &upstream::EndpointInfo::address) == listed.end()) {
    return done(no_endpoint());
  }
  const auto change = parse_endpoint_change(call.request.body);
  if (!change) return done(unprocessable(change.error()));
  if (!cluster->set_endpoint(address, change->state, change->weight)) return done(no_endpoint());
  log::info("endpoint changed",
            {{"upstream", call.names[0]}, {"endpoint", address}, {"change", call.request.body}});
  done(no_content());
}

void AdminApi::delete_endpoint(const AdminCall& call, Done done) {
  const auto cluster = server_.process().registry.find(call.names[0]);
  if (!cluster) return done(no_upstream());
  if (!cluster->reset_endpoint(call.names[1])) return done(no_endpoint());
  log::info("endpoint reset to that of the file",
            {{"upstream", call.names[0]}, {"endpoint", call.names[1]}});
  done(no_content());
}

void AdminApi::put_breaker(const AdminCall& call, Done done) {
  const auto cluster = server_.process().registry.find(call.names[0]);
  if (!cluster) return done(no_upstream());
  const auto force = parse_breaker_force(call.request.body);
  if (!force) return done(unprocessable(force.error()));
  cluster->breaker().force(*force);
  log::info("circuit breaker forced",
            {{"upstream", call.names[0]}, {"force", control::name(*force)}});
  done(no_content());
}

void AdminApi::delete_breaker(const AdminCall& call, Done done) {
  const auto cluster = server_.process().registry.find(call.names[0]);
  if (!cluster) return done(no_upstream());
  cluster->breaker().force(control::BreakerForce::off);
  log::info("circuit breaker decides again", {{"upstream", call.names[0]}});
  done(no_content());
}

void AdminApi::put_log_level(const AdminCall& call, Done done) {
  const auto change = parse_log_level(call.request.body);
  if (!change) return done(unprocessable(change.error()));
  LogLevel& level = server_.log_level();
  if (change->component) {
    level.set(*change->component, change->level, change->time);
  } else {
    level.set(change->level, change->time);
  }
  done(no_content());
}

}  // namespace weir::server
