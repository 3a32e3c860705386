#include "server/admin_bodies.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "weir/auth/json_object.hpp"
#include "weir/config/duration.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;
using auth::parse_object;
using telemetry::log::Level;
using upstream::EndpointState;

// As in the file: of a split's upstreams, and of an upstream's endpoints.
constexpr std::uint32_t most_weight = 1'000'000;
constexpr std::uint32_t most_endpoint_weight = 1000;
constexpr Duration longest_log_level = std::chrono::hours(24);

std::optional<std::uint32_t> weight_of(const json::value& value, std::uint32_t most) {
  boost::system::error_code error;
  const auto number = value.to_number<std::uint32_t>(error);
  if (error || number > most) return std::nullopt;
  return number;
}

// The body is none, not well-formed, or says a name twice.
std::unexpected<std::string> no_object(std::string_view example) {
  return std::unexpected("the body must be one JSON object with each name once, such as " +
                         std::string(example));
}

std::optional<Level> level_of(std::string_view text) {
  for (const Level level : {Level::trace, Level::debug, Level::info, Level::warn, Level::error}) {
    if (text == telemetry::log::name(level)) return level;
  }
  return std::nullopt;
}

// The text of the only member, which has this name.
std::optional<std::string_view> only_text(const std::optional<json::object>& body,
                                          std::string_view name) {
  return body && body->size() == 1 ? auth::text_of(*body, name) : std::nullopt;
}

}  // namespace

std::string_view name(EndpointState state) noexcept {
  switch (state) {
    case EndpointState::ready:
      return "ready";
    case EndpointState::drain:
      return "drain";
    case EndpointState::down:
      return "down";
  }
  return "";
}

Asked<ExplainRequest> parse_explain(std::string_view body) {
  const auto read = parse_object(body);
  if (!read) return no_object(R"({"method": "GET", "url": "http://example.com/"})");
  ExplainRequest out;
  for (const auto& [key, member] :
       {std::pair{"method", &out.method}, std::pair{"url", &out.url}, std::pair{"from", &out.from},
        std::pair{"listener", &out.listener}}) {
    if (auth::find(*read, key) == nullptr) continue;
    const auto text = auth::text_of(*read, std::string_view(key));
    if (!text) return std::unexpected("method, url, from and listener must be strings");
    *member = *text;
  }
  if (auth::find(*read, "url") == nullptr) return std::unexpected("the body must say a url");
  const json::value* headers = auth::find(*read, "headers");
  if (headers == nullptr) return out;
  if (!headers->is_object()) return std::unexpected("headers must be an object of strings");
  for (const auto& [field, value] : headers->get_object()) {
    if (!value.is_string()) return std::unexpected("headers must be an object of strings");
    out.headers.emplace_back(std::string(field), std::string(auth::view(value.get_string())));
  }
  return out;
}

Asked<control::SplitWeights> parse_split(std::string_view body, const config::Split& split) {
  const auto read = parse_object(body);
  if (!read) return no_object(R"({"orders-v1": 50, "orders-v2": 50})");
  control::SplitWeights out(split.size(), 0);
  std::uint64_t sum = 0;
  for (const auto& [upstream, value] : *read) {
    const auto share =
        std::ranges::find(split, std::string_view(upstream), &config::SplitShare::upstream);
    if (share == split.end()) {
      return std::unexpected("'" + std::string(upstream) + "' is not an upstream of this split");
    }
    const auto weight = weight_of(value, most_weight);
    if (!weight) return std::unexpected("a weight must be an integer from 0 to 1000000");
    out[static_cast<std::size_t>(share - split.begin())] = *weight;
    sum += *weight;
  }
  if (sum == 0) return std::unexpected("at least one weight must be above 0");
  return out;
}

Asked<EndpointChange> parse_endpoint_change(std::string_view body) {
  const auto read = parse_object(body);
  if (!read || read->empty()) return no_object(R"({"state": "drain", "weight": 2})");
  EndpointChange out;
  for (const auto& [key, value] : *read) {
    if (key == "state") {
      for (const auto one : {EndpointState::ready, EndpointState::drain, EndpointState::down}) {
        if (value.is_string() && auth::view(value.get_string()) == name(one)) out.state = one;
      }
      if (!out.state) return std::unexpected("state must be ready, drain or down");
    } else if (key == "weight") {
      out.weight = weight_of(value, most_endpoint_weight);
      if (!out.weight) return std::unexpected("weight must be an integer from 0 to 1000");
    } else {
      return std::unexpected("'" + std::string(key) +
                             "' is an unknown key; the keys are state and weight");
    }
  }
  return out;
}

Asked<control::BreakerForce> parse_breaker_force(std::string_view body) {
  using enum control::BreakerForce;
  const auto read = parse_object(body);
  const auto wanted = only_text(read, "force");
  for (const control::BreakerForce force : {off, closed, open}) {
    if (wanted == control::name(force)) return force;
  }
  return std::unexpected(R"(the body must be {"force": "open"}, or closed, or off)");
}

Asked<LogLevelChange> parse_log_level(std::string_view body) {
  const auto read = parse_object(body);
  if (!read || read->empty()) return no_object(R"({"level": "debug", "for": "30s"})");
  std::optional<Level> level;
  LogLevelChange out;
  for (const auto& [key, value] : *read) {
    const auto text = auth::text_of(*read, key);
    if (key == "level") {
      level = text ? level_of(*text) : std::nullopt;
      if (!level) return std::unexpected("level must be trace, debug, info, warn or error");
    } else if (key == "for") {
      if (!text) return std::unexpected(R"(for must be a duration, such as "30s")");
      const auto time = config::parse_duration(*text);
      if (!time) return std::unexpected("for: " + time.error());
      if (*time <= Duration::zero() || *time > longest_log_level) {
        return std::unexpected("for must be above 0 and at most 24h");
      }
      out.time = *time;
    } else if (key == "component") {
      out.component = text ? debug_log::component(*text) : std::nullopt;
      if (!out.component) {
        return std::unexpected("component must be " + debug_log::component_list());
      }
    } else {
      return std::unexpected("'" + std::string(key) +
                             "' is an unknown key; the keys are level, component and for");
    }
  }
  if (!level) return std::unexpected("the body must have a level");
  out.level = *level;
  return out;
}

Asked<std::uint64_t> parse_roll_back(std::string_view body) {
  constexpr std::string_view wanted =
      R"(the body must be {"generation": N}, with a number of GET /config/history)";
  const auto read = parse_object(body);
  const json::value* const generation =
      read && read->size() == 1 ? auth::find(*read, "generation") : nullptr;
  if (generation == nullptr || !(generation->is_int64() || generation->is_uint64())) {
    return std::unexpected(std::string(wanted));
  }
  boost::system::error_code error;
  const auto number = generation->to_number<std::uint64_t>(error);
  if (error || number == 0) return std::unexpected(std::string(wanted));
  return number;
}

}  // namespace weir::server
