#include "server/admin_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "server/admin_bodies.hpp"
#include "server/text_diff.hpp"
#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/proxy/forwarder.hpp"
#include "weir/server/explain.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;

AdminAnswer json_answer(const json::value& value) {
  return {.status = 200,
          .body = json::serialize(value) + "\n",
          .content_type = "application/json",
          .headers = {}};
}

AdminAnswer no_content() { return {.status = 204, .body = {}, .content_type = {}, .headers = {}}; }

AdminAnswer unprocessable(std::string_view detail) {
  return admin_problem(422, "invalid_body", detail);
}

AdminAnswer unknown(std::string_view detail) { return admin_problem(404, "not_found", detail); }

AdminAnswer problem_lines(const Server::Problems& problems) {
  AdminAnswer answer;
  answer.status = 422;
  for (const config::Problem& problem : problems) answer.body += problem.to_string() + "\n";
  return answer;
}

// "" of a healthy endpoint.
std::string why_unhealthy(const upstream::EndpointInfo& endpoint) {
  if (endpoint.state != upstream::EndpointState::ready) return "set by an operator";
  if (!endpoint.failure) return {};
  return fmt::format("connect failed: {}, next try in {} s", endpoint.failure->cause,
                     std::chrono::ceil<std::chrono::seconds>(endpoint.failure->next_try).count());
}

// Null without one that is configured or forced.
json::value breaker_json(const control::BreakerView& view) {
  if (!view.active) return nullptr;
  json::object out{{"state", control::name(view.state)},  {"why", view.why},
                   {"forced", control::name(view.force)}, {"calls", view.counts.calls},
                   {"failed", view.counts.failed},        {"slow", view.counts.slow}};
  if (view.open_left > Duration::zero()) {
    out["retry_after"] = std::chrono::ceil<std::chrono::seconds>(view.open_left).count();
  }
  return out;
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

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = std::min(path.find('/'), path.size());
    out.push_back(percent_decode(path.substr(0, slash)));
    path.remove_prefix(slash);
  }
  return out;
}

constexpr Duration longest_wait_for_workers = std::chrono::milliseconds(250);

bool is_json(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

bool takes_post(const AdminRequest& request) {
  return request.method == "POST" && (request.body.empty() || is_json(request.content_type));
}

}  // namespace

void AdminApi::handle(const AdminRequest& request, Done done) {
  const std::vector<std::string> path = segments(request.path);
  // Finds the path first, then asks whether the method is its own: 404 before 405.
  const auto only = [&](std::string_view method, auto&& answer) {
    if (request.method == method) {
      const bool bodiless = request.body.empty() && method == "POST";
      if (method != "GET" && !bodiless && !is_json(request.content_type)) {
        return done(admin_problem(415, "unsupported_media_type", "bodies are application/json"));
      }
      return done(answer());
    }
    AdminAnswer refusal = admin_problem(405, "method_not_allowed", request.method);
    refusal.headers.emplace_back("Allow", method == "GET" ? "GET, HEAD" : method);
    done(std::move(refusal));
  };
  // What is told is behind whatever the workers have done: who has read an answer finds it counted,
  // and a worker that hangs takes nothing away from who looks for the reason.
  const auto behind_workers = [&](std::string_view method, std::function<AdminAnswer()> answer) {
    if (request.method != method) return only(method, answer);
    server_.ask_workers([done, answer = std::move(answer)] { done(answer()); },
                        longest_wait_for_workers);
  };
  if (path.size() == 1) {
    const std::string& name = path[0];
    if (name == "healthz")
      return only("GET",
                  [] { return AdminAnswer{.status = 200, .body = "alive\n", .headers = {}}; });
    if (name == "readyz") {
      return only("GET", [&] {
        return server_.ready() ? AdminAnswer{.status = 200, .body = "ready\n", .headers = {}}
                               : AdminAnswer{.status = 503, .body = "draining\n", .headers = {}};
      });
    }
    if (name == "metrics") {
      return behind_workers("GET", [this] {
        return AdminAnswer{.status = 200,
                           .body = server_.process().metrics.scrape(Clock::now()),
                           .content_type = "text/plain; version=0.0.4; charset=utf-8",
                           .headers = {}};
      });
    }
    if (name == "config") {
      return only("GET", [&] {
        return AdminAnswer{.status = 200,
                           .body = config::to_json(server_.snapshot()->config()) + "\n",
                           .content_type = "application/json",
                           .headers = {}};
      });
    }
    if (name == "listeners") return only("GET", [&] { return listeners(); });
    if (name == "routes") return only("GET", [&] { return routes(); });
    if (name == "upstreams") return behind_workers("GET", [this] { return upstreams(); });
    if (name == "explain") return only("POST", [&] { return explain(request); });
    if (name == "reload") {
      // Answers by itself when the workers have the new configuration.
      if (takes_post(request)) return reload(std::move(done));
      return only("POST", [] { return AdminAnswer{}; });
    }
    if (name == "drain" || name == "undrain") {
      // Answers when the workers do so.
      if (takes_post(request)) {
        name == "drain" ? server_.drain() : server_.undrain();
        return server_.ask_workers([done] { done(no_content()); }, longest_wait_for_workers);
      }
      return only("POST", [] { return AdminAnswer{}; });
    }
  }
  if (path.size() == 2 && path[0] == "config" && path[1] == "diff") {
    return only("GET", [&] { return config_diff(); });
  }
  if (path.size() == 2 && path[0] == "log" && path[1] == "level") {
    return only("PUT", [&] { return put_log_level(request); });
  }
  if (path.size() == 3 && path[0] == "routes" && path[2] == "split") {
    return only("PUT", [&] { return put_split(path[1], request); });
  }
  if (path.size() == 3 && path[0] == "upstreams" && path[2] == "circuit_breaker") {
    return only("PUT", [&] { return put_breaker(path[1], request); });
  }
  if (path.size() == 4 && path[0] == "upstreams" && path[2] == "endpoints") {
    return only("PUT", [&] { return put_endpoint(path[1], path[3], request); });
  }
  done(unknown(request.path));
}

AdminAnswer AdminApi::config_diff() const {
  const auto loaded = server_.load_again();
  if (!loaded) return problem_lines(loaded.error());
  return {.status = 200,
          .body = line_diff(config::to_yaml(server_.snapshot()->config()),
                            config::to_yaml(loaded->config)),
          .headers = {}};
}

AdminAnswer AdminApi::listeners() const {
  json::array out;
  const auto bound = server_.listeners();
  for (const config::Listener& listener : server_.snapshot()->config().listeners) {
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

AdminAnswer AdminApi::routes() const {
  const Snapshot& snapshot = *server_.snapshot();
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
      const control::SplitWeights weights =
          server_.process().splits.effective(route.name, proxy::configured_weights(to->split));
      json::object shares;
      for (std::size_t i = 0; i < to->split.size(); ++i) shares[to->split[i].upstream] = weights[i];
      row["split"] = std::move(shares);
      if (to->is_split) row["action"] = split_text(to->split, weights);
    }
    out.push_back(std::move(row));
  }
  return json_answer(out);
}

AdminAnswer AdminApi::upstreams() const {
  json::array out;
  const TimePoint now = Clock::now();
  for (const auto& cluster : server_.process().registry.clusters()) {
    const upstream::ClusterInfo info = cluster->describe();
    json::array endpoints;
    for (const upstream::EndpointInfo& endpoint : info.endpoints) {
      endpoints.push_back(
          json::object{{"address", endpoint.address},
                       {"healthy", endpoint.healthy()},
                       {"why", why_unhealthy(endpoint)},
                       {"state", name(endpoint.state)},
                       {"weight", endpoint.weight},
                       {"in_flight", endpoint.in_flight},
                       {"tunnels", endpoint.tunnels},
                       {"connections", json::object{{"idle", endpoint.idle_connections},
                                                    {"active", endpoint.active_connections}}}});
    }
    json::array unresolved;
    for (const std::string& name : info.unresolved) unresolved.emplace_back(name);
    out.push_back(json::object{{"name", info.name},
                               {"endpoints", std::move(endpoints)},
                               {"circuit_breaker", breaker_json(cluster->breaker().view(now))},
                               {"unresolved", std::move(unresolved)},
                               {"pending", info.pending},
                               {"saturation", info.saturation}});
  }
  return json_answer(out);
}

AdminAnswer AdminApi::explain(const AdminRequest& request) const {
  const auto asked = parse_explain(request.body);
  if (!asked) return unprocessable(asked.error());
  const Snapshot& snapshot = *server_.snapshot();
  const auto explained = server::explain(snapshot.config(), snapshot.table(), *asked, live_state());
  if (!explained) return unprocessable(explained.error());
  return {.status = 200,
          .body = explained->to_json() + "\n",
          .content_type = "application/json",
          .headers = {}};
}

LiveState AdminApi::live_state() const {
  Process& process = server_.process();
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
              }};
}

AdminAnswer AdminApi::put_split(std::string_view name, const AdminRequest& request) {
  const auto& routes = server_.snapshot()->config().routes;
  const auto route = std::ranges::find(routes, name, &config::Route::name);
  if (route == routes.end()) return unknown("no such route");
  const auto* to = std::get_if<config::UpstreamAction>(&route->action);
  if (to == nullptr || !to->is_split) return unprocessable("the route has no split");
  auto weights = parse_split(request.body, to->split);
  if (!weights) return unprocessable(weights.error());
  server_.process().splits.set(name, proxy::configured_weights(to->split), std::move(*weights));
  telemetry::log::info("split changed", {{"route", name}, {"weights", request.body}});
  return no_content();
}

AdminAnswer AdminApi::put_endpoint(std::string_view upstream, std::string_view address,
                                   const AdminRequest& request) {
  const auto cluster = server_.process().registry.find(upstream);
  if (!cluster) return unknown("no such upstream");
  const auto endpoints = cluster->describe().endpoints;
  if (std::ranges::find(endpoints, address, &upstream::EndpointInfo::address) == endpoints.end()) {
    return unknown("no such endpoint");
  }
  const auto change = parse_endpoint_change(request.body);
  if (!change) return unprocessable(change.error());
  if (!cluster->set_endpoint(address, change->state, change->weight)) {
    return unknown("no such endpoint");
  }
  telemetry::log::info("endpoint changed",
                       {{"upstream", upstream}, {"endpoint", address}, {"change", request.body}});
  return no_content();
}

AdminAnswer AdminApi::put_breaker(std::string_view upstream, const AdminRequest& request) {
  const auto cluster = server_.process().registry.find(upstream);
  if (!cluster) return unknown("no such upstream");
  const auto force = parse_breaker_force(request.body);
  if (!force) return unprocessable(force.error());
  cluster->breaker().force(*force);
  telemetry::log::info("circuit breaker forced",
                       {{"upstream", upstream}, {"force", control::name(*force)}});
  return no_content();
}

AdminAnswer AdminApi::put_log_level(const AdminRequest& request) {
  const auto level = parse_log_level(request.body);
  if (!level) return unprocessable(level.error());
  telemetry::log::set_level(*level);
  return no_content();
}

void AdminApi::reload(Done done) {
  server_.reload([this, done = std::move(done)](Server::Problems problems) {
    for (const config::Problem& problem : problems) {
      telemetry::log::error("reload refused", {{"problem", problem.to_string()}});
    }
    if (!problems.empty()) return done(problem_lines(problems));
    telemetry::log::info("reloaded");
    done(json_answer(json::object{{"generation", server_.snapshot()->generation()}}));
  });
}

}  // namespace weir::server
