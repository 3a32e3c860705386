#include "server/admin_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "server/admin_bodies.hpp"
#include "server/text_diff.hpp"
#include "weir/base/text.hpp"
#include "weir/proxy/forwarder.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;

json::object shares(const config::Split& split, const control::SplitWeights& weights) {
  json::object out;
  for (std::size_t i = 0; i < split.size(); ++i) out[split[i].upstream] = weights[i];
  return out;
}

double seconds_of(Duration time) {
  const auto whole = std::chrono::round<std::chrono::milliseconds>(time);
  return static_cast<double>(whole.count()) / 1000;
}

json::value seconds_json(const std::optional<Duration>& time) {
  return time ? json::value(seconds_of(*time)) : json::value();
}

// Null without one that is configured.
json::value shed_json(const control::JointShedView& view) {
  if (!view.on) return nullptr;
  std::uint64_t refused = 0;
  for (const auto& by_cause : view.shed) {
    for (const std::uint64_t each : by_cause) refused += each;
  }
  return json::object{{"active", view.active},
                      {"cause", view.active ? json::value(control::name(view.cause)) : nullptr},
                      {"rate", view.rate},
                      {"p95_seconds", seconds_json(view.p95)},
                      {"share", view.policy.share},
                      {"refused", refused}};
}

// Null without one that is configured or forced.
json::value breaker_json(const control::BreakerView& view, const control::JointShedView& shed) {
  if (!view.active) return nullptr;
  json::object out{{"state", control::name(view.state)},  {"why", view.why},
                   {"forced", control::name(view.force)}, {"calls", view.counts.calls},
                   {"failed", view.counts.failed},        {"slow", view.counts.slow}};
  out["shed"] = shed_json(shed);
  if (view.open_left > Duration::zero()) {
    out["retry_after"] = std::chrono::ceil<std::chrono::seconds>(view.open_left).count();
  }
  return out;
}

json::object name_json(const upstream::NameInfo& name) {
  return {{"name", name.text},
          {"source", name.source},
          {"found_as", name.found_as},
          {"error", name.error},
          {"addresses", name.addresses},
          {"holds_for", seconds_json(name.holds_for)},
          {"asked_in", seconds_json(name.asked_in)}};
}

json::value endpoints_from_json(const std::optional<upstream::EndpointsFileInfo>& file) {
  if (!file) return nullptr;
  return json::object{{"file", file->file},
                      {"endpoints", file->endpoints},
                      {"error", file->error},
                      {"read_ago", seconds_json(file->read_ago)},
                      {"empty_in", seconds_json(file->empty_in)}};
}

// What tells where the endpoints of an upstream came from.
struct Origins {
  std::vector<upstream::NameInfo> names;
  std::optional<upstream::EndpointsFileInfo> file;
};

// Where an address came from, and how long it holds: null without an end.
json::array sources_json(const std::vector<std::string>& sources, const Origins& from) {
  const auto& names = from.names;
  json::array out;
  for (const std::string& source : sources) {
    const auto name = std::ranges::find(names, source, &upstream::NameInfo::text);
    if (source.starts_with("endpoints_from ")) {
      json::object row{{"source", "endpoints_from"}, {"name", source.substr(15)}};
      row["holds_for"] = from.file ? seconds_json(from.file->empty_in) : nullptr;
      out.push_back(std::move(row));
    } else if (name == names.end()) {
      out.push_back(json::object{{"source", source.empty() ? "file" : source}});
    } else {
      out.push_back(json::object{{"source", name->source},
                                 {"name", name->text},
                                 {"holds_for", seconds_json(name->holds_for)}});
    }
  }
  return out;
}

json::object endpoint_json(const upstream::EndpointInfo& endpoint, const Origins& from) {
  json::object out{{"address", endpoint.address},
                   {"healthy", endpoint.healthy()},
                   {"why", why_unhealthy(endpoint)},
                   {"state", name(endpoint.state)},
                   {"checks", control::name(endpoint.checks)},
                   {"ejected", endpoint.ejection.has_value()},
                   {"not_ejected", endpoint.not_ejected},
                   {"weight", endpoint.weight},
                   {"effective_weight", endpoint.effective_weight},
                   {"weight_source", upstream::name(endpoint.weight_source)},
                   {"weight_why", endpoint.weight_why},
                   {"priority", endpoint.priority},
                   {"zone", endpoint.zone},
                   {"sources", sources_json(endpoint.sources, from)},
                   {"in_flight", endpoint.in_flight},
                   {"limit", endpoint.limit},
                   {"tunnels", endpoint.tunnels},
                   {"connections", json::object{{"idle", endpoint.idle_connections},
                                                {"active", endpoint.active_connections}}}};
  if (endpoint.is_overridden()) {
    out["overridden"] = json::object{{"state", name(upstream::EndpointState::ready)},
                                     {"weight", endpoint.configured_weight}};
  }
  return out;
}

std::string_view weights_word(config::BalancerWeights weights) {
  return weights == config::BalancerWeights::reported ? "reported" : "configured";
}

json::array zones_json(const std::vector<upstream::ZoneInfo>& zones) {
  json::array out;
  for (const upstream::ZoneInfo& each : zones) {
    out.push_back(json::object{{"zone", each.zone},
                               {"local", each.local},
                               {"endpoints", each.endpoints},
                               {"in_use", each.in_use},
                               {"share", each.share}});
  }
  return out;
}

// Who waits for a place, and how they are served.
json::object queue_json(const upstream::ClusterInfo& info) {
  return {{"waiting", info.pending},
          {"most", info.most_pending},
          {"order", info.order == config::PoolOrder::adaptive ? "adaptive" : "fifo"},
          {"newest_first", info.newest_first},
          {"fair", info.fair ? json::value(config::to_text(*info.fair)) : json::value()}};
}

// Null where a listener asks its routes.
json::value redirect_json(const std::optional<config::RedirectHttps>& redirect) {
  if (!redirect) return nullptr;
  return json::object{{"port", redirect->port}, {"status", redirect->status}};
}

// The listeners that send a route's requests in plain text to https before it is asked.
json::array redirecting_listeners(const config::Config& config, const config::Match& match) {
  json::array out;
  for (const config::Listener& each : config.listeners) {
    const bool takes = match.listeners.empty() ||
                       std::ranges::find(match.listeners, each.name) != match.listeners.end();
    if (takes && each.redirect_https) out.emplace_back(each.name);
  }
  return out;
}

json::object fallback_json(const config::Fallback& fallback) {
  json::array conditions;
  for (const Reason reason : fallback.conditions) conditions.emplace_back(name(reason));
  json::object out{{"conditions", std::move(conditions)}};
  if (fallback.respond) {
    out["respond"] = fallback.respond->status;
  } else {
    out["upstream"] = fallback.upstream;
  }
  return out;
}

std::string json_text(const json::object& object) { return json::serialize(object); }

}  // namespace

std::string why_unhealthy(const upstream::EndpointInfo& endpoint) {
  if (endpoint.state == upstream::EndpointState::drain) return "draining";
  if (endpoint.state == upstream::EndpointState::down) return "down by operator";
  if (!endpoint.unhealthy.empty()) return endpoint.unhealthy;
  if (endpoint.ejection) return endpoint.ejection->to_text();
  if (!endpoint.failure) return {};
  return fmt::format("connect failed: {}, next try in {} s", endpoint.failure->cause,
                     std::chrono::ceil<std::chrono::seconds>(endpoint.failure->next_try).count());
}

AdminAnswer json_answer(const json::value& value) {
  return {.status = 200,
          .body = json::serialize(value) + "\n",
          .content_type = "application/json",
          .headers = {}};
}

AdminAnswer no_content() { return {.status = 204, .body = {}, .content_type = {}, .headers = {}}; }

AdminAnswer not_found(std::string_view sentence) {
  return admin_problem(404, "not_found", sentence);
}

AdminAnswer unprocessable(std::string_view sentence) {
  return admin_problem(422, "invalid_body", sentence);
}

AdminAnswer problem_lines(const Server::Problems& problems) {
  AdminAnswer answer;
  answer.status = 422;
  for (const config::Problem& problem : problems) answer.body += problem.to_string() + "\n";
  return answer;
}

AdminAnswer show_listeners(Server& server) {
  json::array out;
  const auto bound = server.listeners();
  for (const config::Listener& listener : server.snapshot()->config().listeners) {
    const config::Protocols spoken = listener.spoken();
    json::array protocols;
    if (spoken.http1) protocols.emplace_back("http1");
    if (spoken.h2) protocols.emplace_back("h2");
    if (spoken.h2c) protocols.emplace_back("h2c");
    json::array addresses;
    for (const auto& [name, address] : bound) {
      if (name == listener.name) addresses.emplace_back(address.to_string());
    }
    json::object row{{"name", listener.name},
                     {"address", addresses.empty() ? json::value() : addresses.front()},
                     {"addresses", addresses},
                     {"protocols", protocols}};
    row["redirect_https"] = redirect_json(listener.redirect_https);
    row["hsts"] = nullptr;
    if (listener.tls && listener.tls->hsts) row["hsts"] = listener.tls->hsts->field_value();
    out.push_back(std::move(row));
  }
  return json_answer(out);
}

AdminAnswer show_routes(Server& server) {
  const Snapshot& snapshot = *server.snapshot();
  json::array out;
  for (const std::uint32_t index : snapshot.table().order()) {
    const config::Route& route = snapshot.config().routes[index];
    json::object row{
        {"name", route.name}, {"match", match_text(route.match)}, {"action", action_text(route)}};
    json::array middleware;
    for (const std::string& name : route.middleware) middleware.emplace_back(name);
    row["middleware"] = std::move(middleware);
    row["redirect_https"] = redirecting_listeners(snapshot.config(), route.match);
    if (const auto* to = std::get_if<config::UpstreamAction>(&route.action)) {
      const control::SplitWeights in_file = proxy::configured_weights(to->split);
      const auto set = server.process().splits.find(route.name, in_file);
      row["split"] = shares(to->split, set.value_or(in_file));
      if (to->is_split) row["action"] = split_text(to->split, set.value_or(in_file));
      if (set && *set != in_file)
        row["overridden"] = json::object{{"split", shares(to->split, in_file)}};
    }
    if (route.fallback) row["fallback"] = fallback_json(*route.fallback);
    out.push_back(std::move(row));
  }
  return json_answer(out);
}

AdminAnswer show_upstreams(Server& server) {
  json::array out;
  const TimePoint now = Clock::now();
  for (const auto& cluster : server.process().registry.clusters()) {
    const upstream::ClusterInfo info = cluster->describe();
    const Origins from{server.names_of(*cluster), server.endpoints_file_of(*cluster)};
    json::array endpoints;
    for (const upstream::EndpointInfo& endpoint : info.endpoints) {
      endpoints.push_back(endpoint_json(endpoint, from));
    }
    json::array looked_up;
    for (const upstream::NameInfo& name : from.names) looked_up.push_back(name_json(name));
    json::array unresolved;
    for (const std::string& name : info.unresolved) unresolved.emplace_back(name);
    out.push_back(json::object{
        {"name", info.name},
        {"policy", config::name(info.policy)},
        {"weights", weights_word(info.weights)},
        {"panic", info.panic},
        {"zone_aware", info.zone_aware},
        {"zones", zones_json(info.zones)},
        {"endpoints", std::move(endpoints)},
        {"circuit_breaker",
         breaker_json(cluster->breaker().view(now), cluster->breaker().shed().view(now))},
        {"unresolved", std::move(unresolved)},
        {"names", std::move(looked_up)},
        {"endpoints_from", endpoints_from_json(from.file)},
        {"concurrency", config::name(info.concurrency)},
        {"pending", info.pending},
        {"queue", queue_json(info)},
        {"saturation", info.saturation}});
  }
  return json_answer(out);
}

std::vector<Override> overrides(Server& server) {
  std::vector<Override> out;
  for (const config::Route& route : server.snapshot()->config().routes) {
    const auto* to = std::get_if<config::UpstreamAction>(&route.action);
    if (to == nullptr || !to->is_split) continue;
    const control::SplitWeights in_file = proxy::configured_weights(to->split);
    const auto set = server.process().splits.find(route.name, in_file);
    if (set && *set != in_file) {
      out.push_back({"/routes/" + route.name + "/split", json_text(shares(to->split, *set)),
                     json_text(shares(to->split, in_file))});
    }
  }
  for (const auto& cluster : server.process().registry.clusters()) {
    const std::string path = "/upstreams/" + cluster->name();
    for (const upstream::EndpointInfo& endpoint : cluster->describe().endpoints) {
      if (!endpoint.is_overridden()) continue;
      out.push_back({path + "/endpoints/" + endpoint.address,
                     json_text({{"state", name(endpoint.state)}, {"weight", endpoint.weight}}),
                     json_text({{"state", name(upstream::EndpointState::ready)},
                                {"weight", endpoint.configured_weight}})});
    }
    const control::BreakerForce force = cluster->breaker().view(Clock::now()).force;
    if (force != control::BreakerForce::off) {
      out.push_back({path + "/circuit_breaker", json_text({{"force", control::name(force)}}),
                     json_text({{"force", control::name(control::BreakerForce::off)}})});
    }
  }
  return out;
}

std::string config_difference(const config::Config& running, const config::Config& in_file,
                              const std::vector<Override>& overrides) {
  std::string out;
  for (const Override& one : overrides) {
    out += "- override " + one.path + ": " + one.now + "\n";
    out += "+ override " + one.path + ": " + one.in_file + "\n";
  }
  return out + line_diff(config::to_yaml(running), config::to_yaml(in_file));
}

LiveState live_state(Process& process) {
  return {.weights =
              [&process](const config::Route& route) {
                const auto& to = std::get<config::UpstreamAction>(route.action);
                return process.splits.effective(route.name, proxy::configured_weights(to.split));
              },
          .breaker =
              [&process](std::string_view upstream) {
                const auto cluster = process.registry.find(upstream);
                if (!cluster) return std::string();
                const control::BreakerView view = cluster->breaker().view(Clock::now());
                if (!view.active) return std::string();
                std::string out(control::name(view.state));
                return view.why.empty() ? out : out + ": " + view.why;
              },
          .out_of_use =
              [&process](std::string_view upstream) {
                std::string out;
                const auto cluster = process.registry.find(upstream);
                if (!cluster) return out;
                for (const upstream::EndpointInfo& each : cluster->describe().endpoints) {
                  const std::string why = why_unhealthy(each);
                  if (why.empty()) continue;
                  out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", each.address, why);
                }
                return out;
              }};
}

}  // namespace weir::server
