// GET /config.
#include <boost/json.hpp>
#include <utility>

#include "server/admin_views.hpp"
#include "weir/config/loader.hpp"

namespace weir::server {
namespace {

namespace json = boost::json;

json::object provider_json(const provider::ProviderView& view) {
  json::array documents;
  for (const provider::Verdict& each : view.documents) {
    json::array problems;
    for (const std::string& problem : each.problems) problems.emplace_back(problem);
    documents.push_back(json::object{{"name", each.document},
                                     {"version", each.version},
                                     {"state", provider::to_text(each.use)},
                                     {"problems", std::move(problems)}});
  }
  return {{"name", view.name},
          {"up", view.state.up},
          {"error", view.state.error},
          {"from", view.state.from},
          {"revision", view.state.revision},
          {"rejected", view.rejected},
          {"documents", std::move(documents)}};
}

}  // namespace

std::string config_json(const config::Config& config, const std::vector<Override>& overrides,
                        const std::vector<provider::ProviderView>& providers) {
  std::string out = config::to_json(config);
  while (!out.empty() && out.back() != '}') out.pop_back();
  if (overrides.empty() && providers.empty()) return out + "\n";
  // An object with keys already: "version" is one.
  out.pop_back();
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  if (!providers.empty()) {
    json::array list;
    for (const provider::ProviderView& each : providers) list.push_back(provider_json(each));
    out += ",\n  \"provided\": " + json::serialize(list);
  }
  if (!overrides.empty()) {
    out += ",\n  \"overrides\": {";
    std::string_view before = "\n    ";
    for (const Override& one : overrides) {
      out += before;
      out += json::serialize(json::string(one.path)) + ": " + one.now;
      before = ",\n    ";
    }
    out += "\n  }";
  }
  return out + "\n}\n";
}

config::Config with_endpoints(
    config::Config config,
    const std::map<std::string, std::vector<config::EndpointSpec>, std::less<>>& endpoints) {
  for (config::Upstream& upstream : config.upstreams) {
    if (const auto found = endpoints.find(upstream.name); found != endpoints.end()) {
      upstream.endpoints = found->second;
    }
  }
  return config;
}

}  // namespace weir::server
