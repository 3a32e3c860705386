#include "app/demo/demo.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "app/commands.hpp"
#include "app/demo/backends.hpp"
#include "app/demo/config.hpp"
#include "app/run.hpp"

namespace weir::app {
namespace {

// How curl is told to ask `path` there. An address that stands for all is asked as loopback.
std::string curl_target(const std::string& address, std::string_view path) {
  const auto parsed = SocketAddress::parse(address);
  if (parsed && parsed->is_unix()) {
    return fmt::format("--unix-socket '{}' 'http://localhost{}'", parsed->path(), path);
  }
  if (parsed && parsed->ip().is_unspecified()) {
    const std::string_view loopback = parsed->ip().is_v4() ? "127.0.0.1" : "[::1]";
    return fmt::format("'http://{}:{}{}'", loopback, parsed->port(), path);
  }
  return fmt::format("'http://{}{}'", address, path);
}

void print_what_to_try(const std::string& gateway, const std::string& admin,
                       const std::vector<std::string>& backends) {
  fmt::print("\nweir demo: gateway at {}, admin address at {}, backends v1 at {}, v2 at {}\n\n",
             gateway, admin.empty() ? "off" : admin, backends[0], backends[1]);
  struct Row {
    std::string_view options;
    std::string_view path;
    std::string_view what;
  };
  constexpr Row rows[] = {
      {"-s", "/?[1-20]", "a split: 90 % v1, 10 % v2"},
      {"-i -H 'x-canary: always'", "/", "the split's override: v2"},
      {"-i -H 'x-version: 2'", "/echo/hello?a=1", "a route of its own for a field: v2"},
      {"-i -u demo:demo", "/private", "basic_auth; without -u 401"},
      {"-i -d \"$(seq 500)\"", "/upload", "body_limit 1KiB: 413"},
      {"-sI", "/limited?[1-8]", "rate_limit 1/s, burst 5: the last are 429"},
      {"-i", "/office", "ip_filter: 403"},
      {"-i", "/ping", "answered by the gateway itself"},
      {"-i", "/delay/250ms", "a slow answer"},
      {"-i", "/status/503", "an error of the backend"},
      {"-sN", "/stream/5", "an answer bit by bit"},
      {"-so /dev/null", "/bytes/100000000", "a large answer"},
  };
  const auto line = [](std::string_view options, const std::string& target, std::string_view what) {
    fmt::print("  {:<72} # {}\n", fmt::format("curl {} {}", options, target), what);
  };
  for (const Row& row : rows) line(row.options, curl_target(gateway, row.path), row.what);
  line("-s", curl_target(backends[1], "/fail/on"), "v2 fails; its breaker opens for 5 s");
  line("-s", curl_target(backends[1], "/fail/off"), "v2 is well again");
  if (!admin.empty()) {
    line("-s", curl_target(admin, "/upstreams"), "its state there, as in /metrics");
    line("-s", curl_target(admin, "/metrics"), "what Prometheus sees");
    line("-s", curl_target(admin, "/routes"), "the route table");
    line("-s", curl_target(admin, "/config"), "this configuration");
  }
  fmt::print("\nFollow a redirect: {} -> /echo/page. End with Ctrl-C.\n\n",
             curl_target(gateway, "/old/page"));
  std::fflush(stdout);
}

}  // namespace

int demo(const std::string& bind, const std::string& admin) {
  const auto wrong = [](const char* option, const std::string& text) {
    return complain(fmt::format("weir: {}: '{}' is not IP:port or unix:PATH", option, text),
                    exit_usage);
  };
  const auto address = SocketAddress::parse(bind);
  if (!address) return wrong("--bind", bind);
  if (admin != "off" && !SocketAddress::parse(admin)) return wrong("--admin", admin);

  const DemoFolder folder;
  const auto backends = DemoBackends::start({"v1", "v2"});
  if (!backends) return complain("weir: " + backends.error(), 1);
  const std::vector<std::string> addresses = (*backends)->addresses();
  const DemoPlaces places{.folder = folder.path(),
                          .bind = *address,
                          .admin = admin == "off" ? "" : admin,
                          .backends = {addresses[0], addresses[1]}};
  return serve([places] { return demo_config(places); },
               [&addresses](server::Server& server, server::Admin& admin_server) {
                 print_what_to_try(server.listeners().front().second.to_string(),
                                   admin_server.address(), addresses);
               });
}

}  // namespace weir::app
