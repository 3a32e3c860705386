#include "app/demo/config.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "app/demo/token.hpp"

namespace weir::app {
namespace {

// The user demo with the password demo.
constexpr std::string_view users =
    "demo:$6$/cPyCzLJ7DFMq/u1$qNEmGpk7So9W/AdkGaP5.aftTOZOzb3K8VCnZwqpp72wistJIjSzWFjpI8Wj."
    "X6COARE3ID0//MHuYhPdTRd41\n";

// Addresses stand for those of DemoPlaces.
constexpr std::string_view yaml = R"(version: 1
server: {drain_timeout: 10s}
access_log: {path: stdout, format: json}
admin: {bind: "127.0.0.1:9901"}

listeners:
  - {name: http, bind: "127.0.0.1:8080"}

middleware:
  login: {basic_auth: {users_file: users, realm: demo}}
  token:
    jwt:
      issuers: [{issuer: demo, algorithms: [HS256], keys: {secret_file: secret}}]
      claims_to_headers: {sub: x-user}

routes:
  - name: shop
    match: {path_prefix: /}
    split:
      - {upstream: v1, weight: 90}
      - {upstream: v2, weight: 10}
    override: {header: x-canary, values: {always: v2, never: v1}}
  - name: canary
    match: {path_prefix: /, headers: {x-version: "2"}}
    upstream: v2
  - name: private
    match: {path_prefix: /private}
    middleware: [login]
    rewrite: {prefix: /echo}
    upstream: v1
  - name: account
    match: {path_prefix: /account}
    middleware: [token]
    rewrite: {prefix: /echo}
    upstream: v1
  - name: upload
    match: {path_prefix: /upload}
    middleware: [{body_limit: {size: 1KiB}}]
    rewrite: {prefix: /echo}
    upstream: v1
  - name: limited
    match: {path_prefix: /limited}
    middleware: [{rate_limit: {rate: 1/s, burst: 5}}]
    rewrite: {prefix: /echo}
    upstream: v1
  - name: office
    match: {path_prefix: /office}
    middleware: [{ip_filter: {allow: [192.0.2.0/24]}}]
    upstream: v1
  - {name: old, match: {path_prefix: /old}, redirect: {status: 308, to: "/echo{rest}{query}"}}
  - {name: ping, match: {path: /ping}, respond: {status: 200, body: "pong\n"}}

upstreams:
  v1: {endpoints: [{address: "127.0.0.1:1"}]}
  v2:
    endpoints: [{address: "127.0.0.1:2"}]
    circuit_breaker: {window: 10 calls, minimum_calls: 5, open_for: 5s, half_open_calls: 3}
)";

}  // namespace

DemoFolder::DemoFolder() {
  path_ = (std::filesystem::temp_directory_path() / "weir-demo-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), path_);
  }
  const std::string secret = new_secret();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  token_ = signed_token(secret, "demo", "ann",
                        std::chrono::duration_cast<std::chrono::seconds>(now).count());
  std::ofstream(path_ + "/users") << users;
  std::ofstream(path_ + "/secret") << secret;
  std::ofstream(token_file()) << "Authorization: Bearer " << token_ << '\n';
}

DemoFolder::~DemoFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::expected<config::Loaded, std::vector<config::Problem>> demo_config(const DemoPlaces& places) {
  auto loaded = config::load_text(yaml, "demo.yaml", places.folder);
  if (!loaded) return loaded;
  config::Config& config = loaded->config;
  config.listeners.front().bind = places.bind;
  config.admin.bind = places.admin;
  if (places.for_people) {
    config.access_log.path = "off";
    config.log.level = config::LogLevel::error;
  }
  for (std::size_t i = 0; i < places.backends.size(); ++i) {
    config.upstreams[i].endpoints.front().address = places.backends[i];
  }
  return loaded;
}

}  // namespace weir::app
