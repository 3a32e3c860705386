#include "app/demo/hints.hpp"

#include <fmt/format.h>

#include <string_view>

#include "weir/base/ip.hpp"

namespace weir::app {
namespace {

constexpr int command_width = 62;

// How curl is told to ask `path` there. An address that stands for all is asked as loopback.
std::string curl_target(const std::string& address, std::string_view path) {
  // Shells would look for files of such a name.
  const std::string_view quote = path.find_first_of("?*[") == std::string_view::npos ? "" : "'";
  const auto parsed = SocketAddress::parse(address);
  if (parsed && parsed->is_unix()) {
    return fmt::format("--unix-socket '{}' {}localhost{}{}", parsed->path(), quote, path, quote);
  }
  std::string host = address;
  if (parsed && parsed->ip().is_unspecified()) {
    host = fmt::format("{}:{}", parsed->ip().is_v4() ? "127.0.0.1" : "[::1]", parsed->port());
  }
  // curl takes brackets for a range of addresses unless told not to.
  const std::string_view literal = host.starts_with('[') ? "-g " : "";
  const std::string_view host_quote = host.starts_with('[') ? "'" : quote;
  return fmt::format("{}{}{}{}{}", literal, host_quote, host, path, host_quote);
}

void add(std::string& out, std::string_view command, std::string_view what) {
  out += fmt::format("  {:<{}}  # {}\n", command, command_width, what);
}

}  // namespace

std::string demo_hints(const DemoAddresses& addresses) {
  struct Row {
    std::string_view options;
    std::string_view path;
    std::string_view what;
  };
  const std::string token = fmt::format("-i -H @{}", addresses.token_file);
  const Row rows[] = {
      {"-s", "/?[1-20]", "a split: 90 % v1, 10 % v2"},
      {"-i -H x-canary:always", "/", "the override header chooses v2"},
      {"-i -H x-version:2", "/echo/hello", "a route for this header: v2"},
      {token, "/account", "jwt: a token, valid for a day"},
      {"-i", "/account", "jwt without a token: 401"},
      {"-i -u demo:demo", "/private", "basic_auth; without -u: 401"},
      {"-i -T /bin/sh", "/upload", "body_limit 1KiB: 413"},
      {"-sI", "/limited?[1-8]", "rate_limit, burst 5: then 429"},
      {"-i", "/office", "ip_filter: 403"},
      {"-i", "/ping", "answered by the gateway itself"},
      {"-iL", "/old/page", "a redirect, followed"},
      {"-i", "/delay/250ms", "a slow answer"},
      {"-i", "/status/503", "an error of the backend"},
      {"-sN", "/stream/5", "an answer piece by piece"},
      {"-so /dev/null", "/bytes/100000000", "a large answer"},
  };
  std::string out = fmt::format(
      "\nweir demo: gateway at {}, admin address at {}, backends v1 at {}, v2 at {}\n\n",
      addresses.gateway, addresses.admin.empty() ? "off" : addresses.admin, addresses.backends[0],
      addresses.backends[1]);
  out += "Try in another terminal:\n";
  const auto curl = [&](std::string_view options, const std::string& address, std::string_view path,
                        std::string_view what) {
    add(out, fmt::format("curl {} {}", options, curl_target(address, path)), what);
  };
  for (const Row& row : rows) curl(row.options, addresses.gateway, row.path, row.what);
  curl("-s", addresses.backends[1], "/fail/on", "v2 fails: its breaker opens");
  curl("-s", addresses.backends[1], "/fail/off", "v2 answers again");
  if (!addresses.admin.empty()) {
    curl("-s", addresses.admin, "/upstreams", "endpoints and circuit breakers");
    curl("-s", addresses.admin, "/metrics", "what Prometheus reads");
    curl("-s", addresses.admin, "/config", "this configuration");
    const bool is_default = addresses.admin == "127.0.0.1:9901";
    const std::string where = is_default ? "" : " --admin " + addresses.admin;
    add(out, addresses.program + " tail" + where, "each request, as it ends");
  }
  return out;
}

std::string demo_keys() {
  return "Keys: b breaks v2 and repairs it   c moves the canary   t traffic on and off\n"
         "      s status   h these lines again   q ends\n";
}

}  // namespace weir::app
