#include "server/admin_api.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "server/admin_bodies.hpp"
#include "server/admin_status.hpp"
#include "server/admin_views.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/upgrade.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

constexpr Duration longest_wait_for_workers = std::chrono::milliseconds(250);

AdminAnswer text_answer(int status, std::string body) {
  return {.status = status, .body = std::move(body), .headers = {}};
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
