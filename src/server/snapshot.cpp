#include "weir/server/snapshot.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "weir/auth/key_keeper.hpp"
#include "weir/middleware/builtin.hpp"
#include "weir/proxy/fault.hpp"
#include "weir/proxy/fixed_answers.hpp"
#include "weir/proxy/forwarder.hpp"
#include "weir/proxy/mirror.hpp"
#include "weir/proxy/subrequest.hpp"
#include "weir/server/process.hpp"

namespace weir::server {
namespace {

std::vector<bool> routes_with_preflights(const config::Config& config) {
  std::vector<bool> out;
  for (const config::Route& route : config.routes) {
    out.push_back(std::ranges::any_of(route.middleware, [&](const std::string& name) {
      const config::Middleware* found = config.find_middleware(name);
      return found != nullptr && answers_preflights(found->spec);
    }));
  }
  return out;
}

}  // namespace

std::vector<std::string> gateway_fields(const config::Config& config) {
  std::vector<std::string> out;
  for (const config::Middleware& middleware : config.middleware) {
    const std::vector<std::string> names = fields_set_by(middleware.spec);
    out.insert(out.end(), names.begin(), names.end());
  }
  if (std::ranges::any_of(config.routes, [](const auto& each) { return each.fault.has_value(); })) {
    out.emplace_back(proxy::fault_delay_field);
    out.emplace_back(proxy::fault_abort_field);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Snapshot::Problems check_keys(const config::Config& config, bool sets_only) {
  Snapshot::Problems out;
  for (const config::Middleware& middleware : config.middleware) {
    const auto* jwt = std::get_if<config::Jwt>(&middleware.spec);
    if (jwt == nullptr) continue;
    for (std::size_t i = 0; i < jwt->issuers.size(); ++i) {
      const config::JwtIssuer& issuer = jwt->issuers[i];
      const bool set = issuer.keys.kind == config::JwtKeyKind::jwks_file;
      if (sets_only && (!set || issuer.algorithms.empty())) continue;
      const std::string fault = auth::key_fault(issuer);
      if (fault.empty()) continue;
      out.push_back(
          {.place = middleware.place,
           .path = "middleware." + middleware.name + ".jwt.issuers[" + std::to_string(i) + "].keys",
           .message = fault});
    }
  }
  return out;
}

std::expected<route::RouteTable, Snapshot::Problems> compile_table(const config::Config& config) {
  if (auto problems = check_keys(config, false); !problems.empty()) {
    return std::unexpected(std::move(problems));
  }
  auto table =
      route::RouteTable::compile(config.routes, config.listeners, routes_with_preflights(config));
  if (table) return std::move(*table);
  Snapshot::Problems problems;
  for (const route::CompileError& error : table.error()) {
    const config::Route& route = config.routes[error.route];
    // "path_regex: missing )" is a key below the route's match and what is wrong with it.
    const std::size_t colon = error.what.find(": ");
    problems.push_back(
        {.place = error.what.starts_with("path") ? route.match.path_place : route.place,
         .path = route.at + ".match." + error.what.substr(0, colon),
         .message = error.what.substr(colon == std::string::npos ? 0 : colon + 2)});
  }
  return std::unexpected(std::move(problems));
}

std::expected<std::shared_ptr<const Snapshot>, Snapshot::Problems> Snapshot::compile(
    config::Config config, Process& process, std::uint64_t generation) {
  const std::shared_ptr<Snapshot> out = process.snapshots.keep(
      std::unique_ptr<Snapshot>(new Snapshot(std::move(config), generation)));
  const config::Config& own = *out->config_;
  auto table = compile_table(own);
  if (!table) return std::unexpected(std::move(table.error()));
  out->table_ = std::make_unique<route::RouteTable>(std::move(*table));
  out->gateway_fields_ = server::gateway_fields(own);

  std::map<std::string_view, std::shared_ptr<upstream::Cluster>> clusters;
  for (const config::Upstream& upstream : own.upstreams) {
    out->clusters_.push_back(process.registry.get(upstream));
    clusters.emplace(upstream.name, out->clusters_.back());
  }

  const auto aside = [&](std::string_view upstream) {
    return proxy::SideTarget{clusters.at(upstream), process.metrics.upstream(upstream),
                             own.find_upstream(upstream)->response_header_size};
  };
  const config::Via& via = own.server.via;
  const std::string_view via_name = via.request ? std::string_view(via.name) : std::string_view();
  const auto subrequest = [&](std::string_view upstream) {
    return proxy::make_subrequest(aside(upstream), via_name, own.server.deadline);
  };
  std::vector<Chain> chains = build_chains(
      own, {process.offload, process.metrics, process.kept_states, process.workers, subrequest});
  for (std::size_t i = 0; i < own.routes.size(); ++i) {
    const config::Route& route = own.routes[i];
    CompiledRoute compiled;
    compiled.config = &route;
    compiled.facts = facts_of(route);
    compiled.chain = std::move(chains[i]);
    compiled.response_headers = HeaderRewrite(route.response_headers, route.match.path_params);
    compiled.metrics = process.metrics.route(route.name);
    if (const auto* to = std::get_if<config::UpstreamAction>(&route.action)) {
      const auto target = [&](const std::string& upstream, std::uint32_t weight) {
        const config::Upstream& known = *own.find_upstream(upstream);
        return proxy::ForwardTarget{.weight = weight,
                                    .cluster = clusters.at(upstream),
                                    .response_header_size = known.response_header_size,
                                    .key = known.load_balancer.key,
                                    .fair = known.pool.fair};
      };
      std::vector<proxy::ForwardTarget> targets;
      for (const config::SplitShare& share : to->split) {
        targets.push_back(target(share.upstream, share.weight));
      }
      std::optional<proxy::ForwardTarget> fallback;
      if (route.fallback && !route.fallback->upstream.empty()) {
        fallback = target(route.fallback->upstream, 1);
      }
      compiled.last = proxy::make_forwarder(route, own.server, std::move(targets),
                                            std::move(fallback), process.workers, process.metrics,
                                            process.splits, out->gateway_fields_);
    } else if (const auto* redirect = std::get_if<config::Redirect>(&route.action)) {
      compiled.last = proxy::make_redirect(*redirect, route.match.path_params);
    } else {
      compiled.last =
          proxy::make_respond(std::get<config::Respond>(route.action), route.match.path_params);
    }
    if (route.mirror) {
      compiled.last = proxy::make_mirror(route, aside(route.mirror->upstream),
                                         process.metrics.mirror(route.name, route.mirror->upstream),
                                         process.shadows, std::move(compiled.last));
    }
    if (route.fault) {
      compiled.last = proxy::make_fault(route, process.workers, std::move(compiled.last));
    }
    out->routes_.push_back(std::move(compiled));
  }
  return out;
}

}  // namespace weir::server
