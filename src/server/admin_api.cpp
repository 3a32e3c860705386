#include "server/admin_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "server/admin_bodies.hpp"
#include "server/admin_status.hpp"
#include "server/admin_views.hpp"
#include "weir/base/text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/server/explain.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

constexpr Duration longest_wait_for_workers = std::chrono::milliseconds(250);
constexpr std::size_t most_segments = 4;

enum class Body : std::uint8_t { none, optional, wanted };

bool is_json(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

// The raw segments of a path; nothing if there are too many for any endpoint.
struct Segments {
  std::array<std::string_view, most_segments> of{};
  std::size_t count = 0;
};
std::optional<Segments> segments(std::string_view path) {
  Segments out;
  while (path.starts_with('/')) {
    if (out.count == most_segments) return std::nullopt;
    path.remove_prefix(1);
    out.of[out.count] = path.substr(0, path.find('/'));
    path.remove_prefix(out.of[out.count++].size());
  }
  return path.empty() ? std::optional(out) : std::nullopt;
}

AdminAnswer text_answer(int status, std::string body) {
  return {.status = status, .body = std::move(body), .headers = {}};
}

AdminAnswer json_text_answer(std::string body) {
  return {
      .status = 200, .body = std::move(body), .content_type = "application/json", .headers = {}};
}

}  // namespace

struct AdminApi::Endpoint {
  std::string_view method;
  std::string_view path;  // a '*' stands for any one segment
  Body body;
  void (AdminApi::*serve)(const AdminCall& call, Done done);

  // The segments in the places of '*', decoded; nothing for another path.
  std::optional<std::vector<std::string>> match(const Segments& asked) const {
    const auto mine = segments(path);
    if (!mine || mine->count != asked.count) return std::nullopt;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < asked.count; ++i) {
      const std::string segment = percent_decode(asked.of[i]);
      if (mine->of[i] == "*") {
        names.push_back(segment);
      } else if (mine->of[i] != segment) {
        return std::nullopt;
      }
    }
    return names;
  }
};

constexpr AdminApi::Endpoint AdminApi::endpoints[] = {
    {"GET", "/healthz", Body::none, &AdminApi::healthz},
    {"GET", "/readyz", Body::none, &AdminApi::readyz},
    {"GET", "/metrics", Body::none, &AdminApi::metrics},
    {"GET", "/config", Body::none, &AdminApi::whole_config},
    {"GET", "/config/diff", Body::none, &AdminApi::config_diff},
    {"GET", "/status", Body::none, &AdminApi::status},
    {"GET", "/listeners", Body::none, &AdminApi::listeners},
    {"GET", "/routes", Body::none, &AdminApi::routes},
    {"GET", "/upstreams", Body::none, &AdminApi::upstreams},
    {"GET", "/access_log", Body::none, &AdminApi::access_log},
    {"POST", "/explain", Body::wanted, &AdminApi::explain},
    {"POST", "/reload", Body::optional, &AdminApi::reload},
    {"POST", "/drain", Body::optional, &AdminApi::drain},
    {"POST", "/undrain", Body::optional, &AdminApi::undrain},
    {"PUT", "/routes/*/split", Body::wanted, &AdminApi::put_split},
    {"DELETE", "/routes/*/split", Body::none, &AdminApi::delete_split},
    {"PUT", "/upstreams/*/endpoints/*", Body::wanted, &AdminApi::put_endpoint},
    {"DELETE", "/upstreams/*/endpoints/*", Body::none, &AdminApi::delete_endpoint},
    {"PUT", "/upstreams/*/circuit_breaker", Body::wanted, &AdminApi::put_breaker},
    {"DELETE", "/upstreams/*/circuit_breaker", Body::none, &AdminApi::delete_breaker},
    {"PUT", "/log/level", Body::wanted, &AdminApi::put_log_level},
};

void AdminApi::handle(const AdminRequest& request, Done done) {
  const auto asked = segments(request.path);
  std::string allow;
  for (const Endpoint& endpoint : endpoints) {
    auto names = asked ? endpoint.match(*asked) : std::nullopt;
    if (!names) continue;
    if (endpoint.method != request.method) {
      if (!allow.empty()) allow += ", ";
      allow += endpoint.method == "GET" ? "GET, HEAD" : endpoint.method;
      continue;
    }
    // A POST without a body says nothing that a type could be wrong for.
    const bool bodiless = request.body.empty() && endpoint.method == "POST";
    const bool wants_json = endpoint.body != Body::none && !bodiless;
    if (wants_json && !is_json(request.content_type)) {
      return done(admin_problem(415, "unsupported_media_type",
                                "the body must be JSON, with Content-Type: application/json"));
    }
    return (this->*endpoint.serve)({request, std::move(*names)}, std::move(done));
  }
  if (allow.empty()) {
    return done(not_found("the admin address has nothing at " + request.path));
  }
  AdminAnswer refusal =
      admin_problem(405, "method_not_allowed",
                    request.method + " is not for " + request.path + ", which takes " + allow);
  refusal.headers.emplace_back("Allow", allow);
  done(std::move(refusal));
}

void AdminApi::behind_workers(std::function<AdminAnswer()> answer, Done done) {
  server_.ask_workers([done = std::move(done), answer = std::move(answer)] { done(answer()); },
                      longest_wait_for_workers);
}

void AdminApi::healthz(const AdminCall&, Done done) { done(text_answer(200, "alive\n")); }

void AdminApi::readyz(const AdminCall&, Done done) {
  const std::string why_not = server_.why_not_ready();
  done(why_not.empty() ? text_answer(200, "ready\n") : text_answer(503, why_not + "\n"));
}

void AdminApi::metrics(const AdminCall&, Done done) {
  behind_workers(
      [this] {
        return AdminAnswer{.status = 200,
                           .body = server_.process().metrics.scrape(Clock::now()),
                           .content_type = "text/plain; version=0.0.4; charset=utf-8",
                           .headers = {}};
      },
      std::move(done));
}

std::shared_ptr<const config::Config> AdminApi::running() {
  const std::shared_ptr<const Snapshot>& snapshot = server_.snapshot();
  return {snapshot, &snapshot->config()};
}

void AdminApi::whole_config(const AdminCall&, Done done) {
  background_.run([config = running(), overrides = overrides(server_),
                   done = std::move(done)]() -> Background::Then {
    return [answer = json_text_answer(config_json(*config, overrides)), done] { done(answer); };
  });
}

void AdminApi::config_diff(const AdminCall&, Done done) {
  background_.run([this, running = running(), overrides = overrides(server_),
                   done = std::move(done)]() -> Background::Then {
    const auto loaded = server_.load_again();
    AdminAnswer answer =
        loaded ? text_answer(200, config_difference(*running, loaded->config, overrides))
               : problem_lines(loaded.error());
    return [answer = std::move(answer), done] { done(answer); };
  });
}

void AdminApi::status(const AdminCall&, Done done) {
  behind_workers([this] { return show_status(server_); }, std::move(done));
}

void AdminApi::listeners(const AdminCall&, Done done) { done(show_listeners(server_)); }

void AdminApi::routes(const AdminCall&, Done done) { done(show_routes(server_)); }

void AdminApi::upstreams(const AdminCall&, Done done) {
  behind_workers([this] { return show_upstreams(server_); }, std::move(done));
}

void AdminApi::access_log(const AdminCall&, Done done) {
  AdminAnswer answer{
      .status = 200, .body = {}, .content_type = "application/x-ndjson", .headers = {}};
  answer.watch = server_.process().access_tap.watch();
  if (!answer.watch) {
    return done(admin_problem(503, "too_many_watchers",
                              fmt::format("{} clients read the access log already; end one of them",
                                          telemetry::AccessTap::most_watchers)));
  }
  done(std::move(answer));
}

void AdminApi::explain(const AdminCall& call, Done done) {
  const auto asked = parse_explain(call.request.body);
  if (!asked) return done(unprocessable(asked.error()));
  const Snapshot& snapshot = *server_.snapshot();
  const auto explained =
      server::explain(snapshot.config(), snapshot.table(), *asked, live_state(server_.process()));
  if (!explained) return done(unprocessable(explained.error()));
  done(json_text_answer(explained->to_json() + "\n"));
}

// Answers when the workers have the new configuration.
void AdminApi::reload(const AdminCall&, Done done) {
  server_.reload([this, done = std::move(done)](Server::Problems problems) {
    for (const config::Problem& problem : problems) {
      telemetry::log::error("reload refused", {{"problem", problem.to_string()}});
    }
    if (!problems.empty()) return done(problem_lines(problems));
    telemetry::log::info("reloaded");
    done(json_text_answer("{\"generation\":" + std::to_string(server_.snapshot()->generation()) +
                          "}\n"));
  });
}

// These two answer when the workers do as they were told.
void AdminApi::drain(const AdminCall&, Done done) {
  server_.drain();
  behind_workers(no_content, std::move(done));
}

void AdminApi::undrain(const AdminCall&, Done done) {
  server_.undrain();
  behind_workers(no_content, std::move(done));
}

}  // namespace weir::server
