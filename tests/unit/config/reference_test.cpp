#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "config/problem_row.hpp"

namespace weir::config {
namespace {

const std::string reference_file = WEIR_SOURCE_DIR "/config/reference.yaml";

// The reference without anything that a default stands for, apart from what the sample names.
constexpr std::string_view minimal = R"(
version: 1
tracing: {otlp: {headers: {x-tenant: shop}}, attributes: {deployment.environment.name: production}}
listeners: [{name: http, bind: 0.0.0.0:8080}]
middleware:
  pages: {cors: {origins: ["https://app.example.com"]}}
  inside: {ip_filter: {allow: [10.0.0.0/8]}}
  small: {body_limit: {size: 1MiB}}
  marked: {headers: {request: {set: {x-edge: weir}}}}
  per_client: {rate_limit: {rate: 50/s}}
  at_once: {concurrency_limit: {limit: 10}}
  protect: {load_shed: {}}
  session: {forward_auth: {upstream: sessions, path: /verify, copy_headers: [x-user]}}
  login:
    jwt:
      issuers:
        - issuer: https://id.example.com
          audiences: [orders]
          algorithms: [RS256, ES256, EdDSA]
          keys: {jwks_url: "https://id.example.com/jwks.json"}
      require: {scope: "orders:read"}
      claims_to_headers: {sub: x-user-id}
routes:
  - name: orders
    match:
      host: api.example.com
      path: "/orders/{id}"
      methods: [GET, POST]
      headers: {x-version: "2", x-debug: {present: false}}
      query: {beta: {regex: "[01]"}}
      listeners: [http]
      scheme: http
    middleware: [pages, protect, inside, per_client, at_once, small, marked, login, session]
    rewrite: {path: "/v2/orders/{id}", host: orders.internal}
    mirror: {upstream: shadow}
    retry: {}
    hedge: {}
    fault: {}
    fallback: {upstream: orders-v2}
    upstream: orders-v1
  - name: canary
    match: {path_prefix: /canary}
    rewrite: {prefix: /orders}
    split: [{upstream: orders-v1, weight: 90}, {upstream: orders-v2, weight: 10}]
    sticky: {key: {cookie: weir_split}}
    override: {header: x-canary, values: {always: orders-v2, never: orders-v1}}
    tracing: {sample: 100%}
    fallback: {respond: {headers: {content-type: text/plain}}}
  - {name: moved, match: {path_regex: "/old/[0-9]+"}, redirect: {to: "https://{host}{path}{query}"}}
  - {name: ping, match: {path: /ping}, respond: {headers: {content-type: text/plain}}}
upstreams:
  orders-v1:
    endpoints: [{address: "127.0.0.1:9001"}]
    health_check: {headers: {x-check: weir}}
    outlier_detection: {}
    circuit_breaker: {shed: {}}
    concurrency: {}
  orders-v2: {endpoints: [{address: "127.0.0.1:9002"}], concurrency: {policy: fixed, limit: 100}}
  sessions:
    endpoints: [{address: "127.0.0.1:9003"}]
    load_balancer: {policy: hash, key: {cookie: weir_endpoint}}
  shadow:
    endpoints: [{address: "127.0.0.1:9004"}]
    concurrency: {policy: heuristic, base: 200, floor: 20}
tests:
  - name: whoever asks for it gets the canary
    request:
      url: "http://api.example.com/canary/7?debug=1"
      headers: {x-canary: always}
      from: 192.0.2.7
      listener: http
    expect:
      route: canary
      upstream: orders-v2
      path: /orders/7
      host: api.example.com
      request_headers: {x-forwarded-proto: http, x-debug: {present: false}}
  - name: the others are split
    request: {url: "http://api.example.com/canary"}
    expect: {split: [{upstream: orders-v1, weight: 90}, {upstream: orders-v2, weight: 10}]}
  - name: old pages are redirected
    request: {url: "http://api.example.com/old/12"}
    expect:
      status: 308
      redirect: "https://api.example.com/old/12"
      response_headers: {location: {present: true}}
  - name: there is nothing else
    request: {url: "http://api.example.com/nothing"}
    expect: {route: "-", reason: no_route}
)";

// Keys by path, "routes[].match.path"; entries that are named by their user count as "*".
void collect(const YAML::Node& node, const std::string& path, std::set<std::string>& keys) {
  constexpr std::string_view named[]{
      ".middleware", ".upstreams", ".set",   ".require", ".claims_to_headers",
      ".add",        ".headers",   ".query", ".values",  ".attributes"};
  if (node.IsSequence()) {
    for (const auto& item : node) collect(item, path + "[]", keys);
  } else if (node.IsMap()) {
    const bool is_middleware_type = path.ends_with("*.headers");
    bool by_user = path.starts_with(".tests[].expect.") && path.ends_with("_headers");
    for (const std::string_view end : named) by_user = by_user || path.ends_with(end);
    for (const auto& entry : node) {
      const std::string key = by_user && !is_middleware_type ? "*" : entry.first.as<std::string>();
      keys.insert(path + "." + key);
      collect(entry.second, path + "." + key, keys);
    }
  }
}

// The same of a schema.
void collect_schema(const YAML::Node& root, const YAML::Node& schema, const std::string& path,
                    std::set<std::string>& keys) {
  if (schema["$ref"]) {
    const auto name = schema["$ref"].as<std::string>().substr(std::string("#/$defs/").size());
    return collect_schema(root, root["$defs"][name], path, keys);
  }
  if (schema["anyOf"]) {
    for (const auto& each : schema["anyOf"]) collect_schema(root, each, path, keys);
  }
  if (schema["items"]) collect_schema(root, schema["items"], path + "[]", keys);
  if (schema["properties"]) {
    for (const auto& entry : schema["properties"]) {
      const std::string inside = path + "." + entry.first.as<std::string>();
      EXPECT_TRUE(entry.second["description"]) << inside;
      keys.insert(inside);
      collect_schema(root, entry.second, inside, keys);
    }
  }
  if (schema["additionalProperties"] && schema["additionalProperties"].IsMap()) {
    keys.insert(path + ".*");
    collect_schema(root, schema["additionalProperties"], path + ".*", keys);
  }
}

TEST(Reference, EqualsTheDefaults) {
  const auto reference = load(reference_file);
  ASSERT_TRUE(reference) << reference.error().front().to_string();
  EXPECT_TRUE(reference->warnings.empty()) << reference->warnings.front().to_string();
  const auto defaults = load_text(minimal);
  ASSERT_TRUE(defaults) << defaults.error().front().to_string();
  EXPECT_EQ(to_yaml(reference->config), to_yaml(defaults->config));
}

TEST(Reference, HasEveryKeyOfTheSchema) {
  std::set<std::string> written;
  collect(YAML::LoadFile(reference_file), "", written);
  const YAML::Node schema = YAML::Load(json_schema());
  std::set<std::string> known;
  collect_schema(schema, schema, "", known);
  for (const std::string& key : written) EXPECT_TRUE(known.contains(key)) << key;
  for (const std::string& key : known) {
    const bool shown_elsewhere =
        key.contains("basic_auth") ||           // names a file: in a comment
        key.contains("api_key") ||              // the same
        key.contains(".redirect_https.") ||     // off: in a comment
        key.starts_with(".defaults.retry") ||   // the same
        key.contains("endpoints_from") ||       // names a file
        key.contains("certificates") ||         // the same
        key.starts_with(".providers") ||        // asks etcd
        key.ends_with("endpoints[].dns") ||     // instead of `address`
        key.ends_with("endpoints[].srv") ||     // the same
        key.ends_with("endpoints[].family") ||  // of names
        key.contains(".tls") || key.contains("middleware[].") || key.contains(".keys.") ||
        key.ends_with(".typ") || key.contains(".from[].") || key.contains("request_headers.") ||
        key.contains("response_headers.") || key.contains(".response.") ||
        key.contains(".request.add.") || key.ends_with("beta.present") || key.contains(".key.") ||
        key.contains(".key[].") || key.contains(".fair.") || key.contains(".fair[].");
    if (!shown_elsewhere) {
      EXPECT_TRUE(written.contains(key) || key.ends_with(".regex") || key.ends_with(".present"))
          << key;
    }
  }
}

TEST(Printed, ReadsBackAsItself) {
  const auto reference = load(reference_file);
  ASSERT_TRUE(reference);
  const std::string yaml = to_yaml(reference->config);
  const auto again = load_text(yaml);
  ASSERT_TRUE(again) << again.error().front().to_string();
  EXPECT_EQ(to_yaml(again->config), yaml);
  const auto from_json = load_text(to_json(reference->config));
  ASSERT_TRUE(from_json) << from_json.error().front().to_string();
  EXPECT_EQ(to_yaml(from_json->config), yaml);
}

}  // namespace
}  // namespace weir::config
