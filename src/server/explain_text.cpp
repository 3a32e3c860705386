#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "weir/base/text.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {
namespace {

std::string condition(std::string_view kind, const config::ValueMatch& one) {
  switch (one.kind) {
    case config::ValueMatch::Kind::equals:
      return fmt::format("{} {}={}", kind, one.name, one.value);
    case config::ValueMatch::Kind::regex:
      return fmt::format("{} {}~{}", kind, one.name, one.value);
    case config::ValueMatch::Kind::present:
      return fmt::format("{} {} present", kind, one.name);
    case config::ValueMatch::Kind::absent:
      return fmt::format("{} {} absent", kind, one.name);
  }
  return {};
}

}  // namespace

std::string match_text(const config::Match& match) {
  std::vector<std::string> parts;
  if (!match.methods.empty()) parts.push_back(fmt::format("{}", fmt::join(match.methods, ",")));
  if (!match.scheme.empty()) parts.push_back(match.scheme);
  if (!match.hosts.empty()) parts.push_back(fmt::format("{}", fmt::join(match.hosts, ",")));
  switch (match.path_kind) {
    case config::PathKind::any:
      parts.emplace_back("/*");
      break;
    case config::PathKind::exact:
      parts.push_back(match.path);
      break;
    case config::PathKind::prefix:
      parts.push_back(match.path + (match.path.ends_with('/') ? "*" : "/*"));
      break;
    case config::PathKind::regex:
      parts.push_back("~" + match.path);
      break;
  }
  for (const auto& one : match.headers) parts.push_back(condition("header", one));
  for (const auto& one : match.query) parts.push_back(condition("query", one));
  if (!match.listeners.empty())
    parts.push_back(fmt::format("on {}", fmt::join(match.listeners, ",")));
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string action_text(const config::Route& route) {
  if (const auto* redirect = std::get_if<config::Redirect>(&route.action)) {
    return fmt::format("redirect {} to {}", redirect->status, redirect->to);
  }
  if (const auto* respond = std::get_if<config::Respond>(&route.action)) {
    return fmt::format("respond {}", respond->status);
  }
  const auto& to = std::get<config::UpstreamAction>(route.action);
  if (!to.is_split) return "upstream " + to.split.front().upstream;
  control::SplitWeights weights;
  for (const config::SplitShare& share : to.split) weights.push_back(share.weight);
  return split_text(to.split, weights);
}

std::string fallback_text(const config::Fallback& fallback) {
  std::vector<std::string_view> reasons;
  for (const Reason reason : fallback.conditions) reasons.push_back(name(reason));
  return fmt::format("{} for {}",
                     fallback.respond ? fmt::format("respond {}", fallback.respond->status)
                                      : "upstream " + fallback.upstream,
                     fmt::join(reasons, ", "));
}

std::string split_text(const config::Split& split, const control::SplitWeights& weights) {
  const auto sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::string> shares;
  for (std::size_t i = 0; i < split.size(); ++i) {
    shares.push_back(fmt::format("{} {:.4g}%", split[i].upstream, 100.0 * weights[i] / sum));
  }
  return fmt::format("split {}", fmt::join(shares, ", "));
}

std::string Explanation::to_text() const {
  std::size_t width = 24;
  for (const Step& step : steps) width = std::max(width, step.what.size());
  std::string out;
  for (const Step& step : steps) out += fmt::format("{:<{}} {}\n", step.what, width, step.text);
  return out;
}

std::string Explanation::to_json() const {
  std::string out = fmt::format(R"({{"routed":{},"status":{},"steps":[)", routed, status);
  for (const Step& step : steps) {
    if (out.back() != '[') out += ',';
    out += R"({"step":")";
    append_json_escaped(out, step.what);
    out += R"(","text":")";
    append_json_escaped(out, step.text);
    out += "\"}";
  }
  return out + "]}";
}

}  // namespace weir::server
