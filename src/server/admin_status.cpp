#include "server/admin_status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <utility>

#include "server/admin_views.hpp"
#include "weir/base/priority.hpp"
#include "weir/base/release.hpp"
#include "weir/config/duration.hpp"
#include "weir/provider/providers.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;

constexpr double nearly_full = 0.9;
constexpr auto certificate_notice = std::chrono::hours(14 * 24);
constexpr std::size_t most_warnings = 100;

std::string text_of(WallClock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(WallClock::to_time_t(time)));
}

// Three decimals are enough.
double rounded(double value) { return std::round(value * 1000) / 1000; }

double seconds(Duration time) { return rounded(std::chrono::duration<double>(time).count()); }

json::array array_of(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::value reload_json(const std::optional<ReloadStatus>& reload) {
  if (!reload) return nullptr;
  return json::object{{"time", text_of(reload->at)},
                      {"successful", reload->problems.empty()},
                      {"problems", array_of(reload->problems)}};
}

json::object upgrade_json(const UpgradeStatus& upgrades) {
  const auto or_null = [](std::optional<pid_t> pid) {
    return pid ? json::value(*pid) : json::value();
  };
  json::value failure;
  if (upgrades.last_failure) {
    failure = json::object{{"time", text_of(upgrades.last_failure->at)},
                           {"problem", upgrades.last_failure->problem}};
  }
  return {{"successor", or_null(upgrades.successor)},
          {"predecessor", or_null(upgrades.predecessor)},
          {"predecessor_drains", upgrades.predecessor_drains},
          {"last_failure", std::move(failure)}};
}

json::array listeners_json(const std::vector<ListenerStatus>& listeners) {
  json::array out;
  for (const ListenerStatus& each : listeners) {
    out.push_back(json::object{{"name", each.name},
                               {"addresses", array_of(each.addresses)},
                               {"tls", each.tls},
                               {"connections", each.connections}});
  }
  return out;
}

json::object saturation_json(const LoadStatus& load, const std::optional<LoadMeasures>& measures) {
  json::array workers;
  for (const double worker : load.workers) workers.emplace_back(rounded(worker));
  return {{"ratio", rounded(load.saturation)},
          {"workers", std::move(workers)},
          {"connections", rounded(load.connections)},
          {"offload", rounded(load.offload)},
          {"lag_seconds", measures ? json::value(rounded(measures->lag)) : json::value()},
          {"memory", measures ? json::value(rounded(measures->memory)) : json::value()}};
}

// The priorities that are refused at that level.
json::array refused_json(unsigned level) {
  json::array out;
  for (unsigned i = 0; i < level; ++i) out.emplace_back(name(static_cast<Priority>(i)));
  return out;
}

json::array load_shed_json(const std::vector<LoadShedStatus>& sheds) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? json::value() : json::value(text);
  };
  json::array out;
  for (const LoadShedStatus& each : sheds) {
    out.push_back(json::object{{"name", each.name},
                               {"level", each.level},
                               {"refused", refused_json(each.level)},
                               {"cause", text_or_null(each.cause)},
                               {"measured", text_or_null(each.measured)},
                               {"limit", text_or_null(each.limit)}});
  }
  return out;
}

json::object requests_json(const TrafficStatus& traffic) {
  return {{"total", traffic.requests},
          {"in_flight", traffic.in_flight},
          {"tunnels", traffic.tunnels},
          {"per_second", json::object{{"all", rounded(traffic.request_rate)},
                                      {"server_errors", rounded(traffic.server_error_rate)},
                                      {"refused", rounded(traffic.refused_rate)}}}};
}

json::object log_json(const Status& status) {
  json::object out{{"level", telemetry::log::name(status.log_level)},
                   {"file_level", telemetry::log::name(status.log_level_in_file)},
                   {"seconds_left", nullptr}};
  if (status.log_level_left) out["seconds_left"] = seconds(*status.log_level_left);
  json::object components;
  for (const ComponentLogStatus& one : status.log_components) {
    json::object level{{"level", telemetry::log::name(one.level)}, {"seconds_left", nullptr}};
    if (one.left) level["seconds_left"] = seconds(*one.left);
    components[debug_log::name(one.component)] = std::move(level);
  }
  out["components"] = std::move(components);
  return out;
}

// The first `most_warnings`; of the others the number alone.
class Warnings {
 public:
  explicit Warnings(std::vector<StatusWarning> first) {
    for (StatusWarning& one : first) {
      add(one.name, [&] { return std::move(one.text); });
    }
  }

  template <class Text>
  void add(std::string_view name, Text text) {
    if (kept_.size() < most_warnings) {
      kept_.push_back(json::object{{"name", name}, {"text", text()}});
    } else {
      ++others_;
    }
  }

  json::array take() {
    if (others_ != 0) {
      kept_.push_back(
          json::object{{"name", "more"}, {"text", fmt::format("{} more warnings", others_)}});
    }
    return std::move(kept_);
  }

 private:
  json::array kept_;
  std::size_t others_ = 0;
};

void add_upstream_warnings(Server& server, Warnings& out) {
  for (const auto& cluster : server.process().registry.clusters()) {
    const upstream::ClusterInfo info = cluster->describe();
    const control::BreakerView breaker = cluster->breaker().view(Clock::now());
    if (breaker.active && breaker.state != control::BreakerState::closed) {
      out.add("circuit_open", [&] {
        return fmt::format("the circuit breaker of upstream {} is {}{}{}", info.name,
                           control::name(breaker.state), breaker.why.empty() ? "" : ": ",
                           breaker.why);
      });
    }
    const control::JointShedView shed = cluster->breaker().shed().view(Clock::now());
    if (shed.active) {
      out.add("shedding", [&] {
        return fmt::format("upstream {}: {:g}% of its requests are refused ({})", info.name,
                           shed.policy.share * 100, control::name(shed.cause));
      });
    }
    if (info.panic) {
      out.add("panic", [&] {
        return fmt::format("upstream {}: too few endpoints are healthy, their health is ignored",
                           info.name);
      });
    }
    for (const upstream::EndpointInfo& endpoint : info.endpoints) {
      const std::string why = why_unhealthy(endpoint);
      if (why.empty()) continue;
      out.add("endpoint_out",
              [&] { return fmt::format("upstream {}: {}: {}", info.name, endpoint.address, why); });
    }
    if (const auto file = server.endpoints_file_of(*cluster); file && !file->error.empty()) {
      out.add("endpoints_from_failed",
              [&] { return fmt::format("upstream {}: {}", info.name, file->error); });
    }
    for (const std::string& name : info.unresolved) {
      out.add("name_unresolved",
              [&] { return fmt::format("upstream {}: {} has no address", info.name, name); });
    }
  }
}

void add_provider_warnings(const Server& server, Warnings& out) {
  for (const provider::ProviderView& each : server.providers()) {
    if (!each.state.error.empty()) {
      out.add("provider_away",
              [&] { return fmt::format("provider {}: {}", each.name, each.state.error); });
    }
    for (const provider::Verdict& verdict : each.documents) {
      if (verdict.problems.empty()) continue;
      out.add("document_not_taken", [&] {
        return fmt::format("provider {}: document {}: {}", each.name, verdict.document,
                           verdict.problems.front());
      });
    }
  }
}

json::array warnings_json(Server& server, const Status& status) {
  Warnings out(process_warnings(status, WallClock::now()));
  add_upstream_warnings(server, out);
  add_provider_warnings(server, out);
  for (const Override& one : overrides(server)) {
    out.add("set_by_hand", [&] {
      return fmt::format("{} was set to {} by hand, the file has {}", one.path, one.now,
                         one.in_file);
    });
  }
  return out.take();
}

}  // namespace

namespace {

std::string back_in(std::optional<Duration> left) {
  if (!left) return "";
  return "; it is back in " +
         config::format_duration(std::chrono::ceil<std::chrono::seconds>(*left));
}

}  // namespace

std::vector<StatusWarning> process_warnings(const Status& status, WallClock::time_point now) {
  std::vector<StatusWarning> out;
  if (!status.why_not_ready.empty())
    out.push_back({"not_ready", "not ready: " + status.why_not_ready});
  if (status.last_reload && !status.last_reload->problems.empty()) {
    const std::vector<std::string>& problems = status.last_reload->problems;
    out.push_back(
        {"reload_refused",
         fmt::format(
             "the last reload was refused, what runs is older than the file: {}{}",
             problems.front(),
             problems.size() == 1 ? "" : fmt::format(" (and {} more)", problems.size() - 1))});
  }
  if (status.rolled_back_to) {
    out.push_back({"rolled_back",
                   fmt::format("the configuration of generation {} was rolled back to; it holds "
                               "until the configuration's source changes",
                               *status.rolled_back_to)});
  }
  if (const auto& failure = status.upgrades.last_failure) {
    out.push_back(
        {"upgrade_refused", fmt::format("the upgrade at {} was refused, this process serves on: {}",
                                        text_of(failure->at), failure->problem)});
  }
  for (const std::string& line : status.configuration_warnings) {
    out.push_back({"configuration", line});
  }
  for (const CertificateStatus& each : status.certificates) {
    if (each.ends - now > certificate_notice) continue;
    out.push_back(
        {"certificate",
         fmt::format("listener {}: the certificate of {} {} on {}", each.listener, each.name,
                     each.ends > now ? "expires" : "expired", text_of(each.ends))});
  }
  if (status.load.saturation >= nearly_full) {
    out.push_back({"saturated", fmt::format("the gateway is at {:.0f}% of what it can take",
                                            status.load.saturation * 100)});
  }
  for (const LoadShedStatus& each : status.load_sheds) {
    if (each.level == 0) continue;
    const std::string_view highest = name(static_cast<Priority>(each.level - 1));
    out.push_back(
        {"shedding", fmt::format("{} refuses requests of priority {}{}: {} is {}, the limit is {}",
                                 each.name, highest, each.level > 1 ? " and below" : "", each.cause,
                                 each.measured, each.limit)});
  }
  if (status.log_lines_lost != 0) {
    out.push_back({"access_log_lost",
                   fmt::format("{} lines of the access log were lost", status.log_lines_lost)});
  }
  if (status.log_level != status.log_level_in_file) {
    out.push_back({"log_level", fmt::format("the log level is {}, the file has {}{}",
                                            telemetry::log::name(status.log_level),
                                            telemetry::log::name(status.log_level_in_file),
                                            back_in(status.log_level_left))});
  }
  for (const ComponentLogStatus& one : status.log_components) {
    out.push_back(
        {"log_level", fmt::format("the log level of {} is {}, the others have {}{}",
                                  debug_log::name(one.component), telemetry::log::name(one.level),
                                  telemetry::log::name(status.log_level), back_in(one.left))});
  }
  return out;
}

AdminAnswer show_status(Server& server) {
  const Status status = server.status();
  return json_answer(
      json::object{{"version", release()},
                   {"pid", ::getpid()},
                   {"state", status.draining                ? "draining"
                             : status.why_not_ready.empty() ? "ready"
                                                            : "starting"},
                   {"why_not_ready", status.why_not_ready},
                   {"started", text_of(status.started)},
                   {"uptime_seconds", seconds(status.uptime)},
                   {"generation", status.generation},
                   {"last_reload", reload_json(status.last_reload)},
                   {"rolled_back_to", status.rolled_back_to ? json::value(*status.rolled_back_to)
                                                            : json::value(nullptr)},
                   {"upgrade", upgrade_json(status.upgrades)},
                   {"listeners", listeners_json(status.listeners)},
                   {"connections", json::object{{"active", status.load.open_connections},
                                                {"limit", status.load.most_connections}}},
                   {"requests", requests_json(status.traffic)},
                   {"saturation", saturation_json(status.load, status.measures)},
                   {"load_shed", load_shed_json(status.load_sheds)},
                   {"log", log_json(status)},
                   {"warnings", warnings_json(server, status)}});
}

}  // namespace weir::server
