#include "server/admin_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "server/admin_bodies.hpp"
#include "server/admin_status.hpp"
#include "server/admin_views.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/upgrade.hpp"

namespace weir::server {
namespace {

constexpr Duration longest_wait_for_workers = std::chrono::milliseconds(250);

AdminAnswer text_answer(int status, std::string body) {
  return {.status = status, .body = std::move(body), .headers = {}};
}

// "verbose", alone or among others, whatever it is set to; as Kubernetes' probes have it.
bool is_verbose(std::string_view query) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    if (one.substr(0, one.find('=')) == "verbose") return true;
    query.remove_prefix(std::min(one.size() + 1, query.size()));
  }
  return false;
}

AdminAnswer json_text_answer(std::string body) {
  return {
      .status = 200, .body = std::move(body), .content_type = "application/json", .headers = {}};
}

}  // namespace

void AdminApi::behind_workers(std::function<AdminAnswer()> answer, Done done) {
  server_.ask_workers([done = std::move(done), answer = std::move(answer)] { done(answer()); },
                      longest_wait_for_workers);
}

void AdminApi::healthz(const AdminCall&, Done done) { done(text_answer(200, "alive\n")); }

void AdminApi::readyz(const AdminCall& call, Done done) {
  const std::string why_not = server_.why_not_ready();
  AdminAnswer answer =
      why_not.empty() ? text_answer(200, "ready\n") : text_answer(503, why_not + "\n");
  if (is_verbose(call.request.query)) answer.body += server_.readiness_details();
  done(std::move(answer));
}

void AdminApi::metrics(const AdminCall& call, Done done) {
  const AdminRequest& request = call.request;
  scrapes_.ask(scrape_terms(request.accept, request.accept_encoding, request.query),
               std::move(done));
}

std::shared_ptr<const config::Config> AdminApi::running() {
  const std::shared_ptr<const Snapshot>& snapshot = server_.snapshot();
  return {snapshot, &snapshot->config()};
}

void AdminApi::whole_config(const AdminCall&, Done done) {
  background_.run([config = running(), overrides = overrides(server_),
                   providers = server_.providers(), updates = server_.endpoint_updates(),
                   done = std::move(done)]() -> Background::Then {
    // A large one is copied only where it says something else than what was compiled.
    std::string body = updates.empty()
                           ? config_json(*config, overrides, providers)
                           : config_json(with_endpoints(*config, updates), overrides, providers);
    return [answer = json_text_answer(std::move(body)), done] { done(answer); };
  });
}

void AdminApi::config_diff(const AdminCall&, Done done) {
  background_.run([load = server_.loader(), running = running(), overrides = overrides(server_),
                   updates = server_.endpoint_updates(),
                   done = std::move(done)]() -> Background::Then {
    const auto loaded = load();
    AdminAnswer answer = loaded
                             ? text_answer(200, config_difference(with_endpoints(*running, updates),
                                                                  loaded->config, overrides))
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
  server_.reload(
      [this, done = std::move(done)](const Server::Problems& problems) {
        log_reload(server_, problems);
        done(problems.empty() ? reload_answer(server_) : problem_lines(problems));
      },
      "POST /reload");
}

// Answers when the new process has the sockets, by the old one on a connection that it still
// serves.
void AdminApi::upgrade(const AdminCall&, Done done) {
  server_.upgrade([done = std::move(done)](const UpgradeOutcome& outcome) {
    if (!outcome) return done(problem_lines(outcome.error()));
    done(json_text_answer(fmt::format(
        "{{\"pid\":{},\"version\":\"{}\",\"drain_seconds\":{}}}\n", outcome->pid, outcome->version,
        std::chrono::ceil<std::chrono::seconds>(outcome->drains).count())));
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
