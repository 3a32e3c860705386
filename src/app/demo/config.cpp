#include "app/demo/config.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace weir::app {
namespace {

// The user demo with the password demo.
constexpr std::string_view users =
    "demo:$6$/cPyCzLJ7DFMq/u1$qNEmGpk7So9W/AdkGaP5.aftTOZOzb3K8VCnZwqpp72wistJIjSzWFjpI8Wj."
    "X6COARE3ID0//MHuYhPdTRd41\n";

// Addresses stand for those of DemoPlaces.
constexpr std::string_view yaml = R"(version: 1
server: {drain_timeout: 10s}
access_log: {path: stdout, format: combined}
admin: {bind: "127.0.0.1:9901"}

listeners:
  - {name: http, bind: "127.0.0.1:8080"}

middleware:
  login: {basic_auth: {users_file: users, realm: demo}}

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
    circuit_breaker: {minimum_calls: 5, open_for: 5s, half_open_calls: 3}
)";

}  // namespace

DemoFolder::DemoFolder() {
  path_ = (std::filesystem::temp_directory_path() / "weir-demo-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), path_);
  }
  std::ofstream(path_ + "/users") << users;
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
  for (std::size_t i = 0; i < places.backends.size(); ++i) {
    config.upstreams[i].endpoints.front().address = places.backends[i];
  }
  return loaded;
}

}  // namespace weir::app
