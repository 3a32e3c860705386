// One mistake is one message: what would only follow from it is not told. And what people bring
// along from other software is answered with what to write.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

constexpr std::string_view listeners = "listeners: [{name: http, bind: '0.0.0.0:80'}]\n";
constexpr std::string_view upstreams = "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n";

std::vector<std::string> errors_of(const std::string& text) {
  std::vector<std::string> out;
  const auto loaded = load_text(text);
  if (loaded) return out;
  for (const Problem& each : loaded.error()) out.push_back(each.to_string());
  return out;
}

struct Row {
  const char* name;
  std::string text;
  std::string words;  // of the one message
};

void expect(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const auto errors = errors_of(row.text);
    ASSERT_EQ(errors.size(), 1u) << row.name << testing::PrintToString(errors);
    EXPECT_TRUE(errors[0].contains(row.words)) << row.name << ": " << errors[0];
  }
}

std::string with(std::string_view routes, std::string_view more = upstreams) {
  return std::string(listeners) + std::string(more) + "routes: [" + std::string(routes) + "]\n";
}
std::string route(std::string_view keys, std::string_view more = "") {
  return with("{name: r, match: {}, " + std::string(keys) + "}",
              std::string(upstreams) + std::string(more));
}

TEST(Consequences, OfAMisspeltKeyAreNotTold) {
  expect({
      {"required", with("{nam: r, match: {}, upstream: app}"), "did you mean 'name'?"},
      {"an action", route("upstrem: app"), "did you mean 'upstream'?"},
      {"a section",
       with("{name: r, match: {}, upstream: app}",
            "upstrems: {app: {endpoints: [{address: 'a:1'}]}}\n"),
       "did you mean 'upstreams'?"},
      {"listeners",
       "listenrs: [{name: a, bind: '*:1'}]\nroutes: [{name: r, match: {}, respond: "
       "{}}]\n",
       "did you mean 'listeners'?"},
      {"a type", route("upstream: app, middleware: [{rate_limt: {rate: 1/s}}]"),
       "did you mean 'rate_limit'?"},
      {"a type that others need",
       route("upstream: app, middleware: [{token: {}}, {rate_limit: {rate: 1/s, key: {jwt_claim: "
             "sub}}}]"),
       "unknown middleware type 'token'"},
  });
}

TEST(Consequences, OfNamesAreNotTold) {
  const std::string three =
      "{name: a, match: {path: /a}, upstream: orders}, {name: b, match: {path: /b}, upstream: "
      "orders}, {name: c, match: {path: /c}, upstream: orders}";
  expect({
      {"misspelt where it is defined",
       with(three, "upstreams: {ordres: {endpoints: [{address: 'a:1'}]}}\n"),
       "upstreams.ordres: no route uses upstream 'ordres', and 3 places name 'orders'"},
      {"defined nowhere", with(three), "unknown upstream 'orders', here and in 2 more places"},
      {"named once", route("upstream: ap"), "did you mean 'app'?"},
      {"in a section that cannot be read", with(three, "upstreams: [a, b]\n"),
       "expected a mapping, got a list"},
      {"in a section of another name", with(three, "backends: {orders: {}}\n"),
       "unknown key 'backends'; write `upstreams:"},
  });
}

TEST(Foreign, KeysAreAnsweredWithWhatToWrite) {
  const auto listener = [](std::string_view keys) {
    return "listeners: [{name: http, " + std::string(keys) +
           "}]\nroutes: [{name: r, match: {}, respond: {}}]\n";
  };
  expect({
      {"listen", listener("listen: 80"), "write `bind: \"0.0.0.0:8080\"`"},
      {"server_name", listener("bind: '*:1', server_name: a"), "`match: {host: NAME}`"},
      {"http2", listener("bind: '*:1', http2: on"), "clients get HTTP/2 without any setting"},
      {"ssl", listener("bind: '*:1', ssl: on"), "certificates: [{cert: FILE, key: FILE}]"},
      {"tls: true", listener("bind: '*:1', tls: true"), "write `tls: {certificates:"},
      {"auto_https", listener("bind: '*:1', auto_https: on"), "Weir gets no certificates"},
      {"proxy_pass", route("proxy_pass: 'http://a'"), "write `upstream: NAME`"},
      {"proxyPass", route("proxyPass: a"), "write `upstream: NAME`"},
      {"location", with("{name: r, location: /, upstream: app}"), "write it in `match`"},
      {"root", route("root: /var/www"), "Weir serves no files"},
      {"gzip", route("upstream: app, gzip: on"), "does not compress"},
      {"retries", route("upstream: app, retries: 3"), "write `retry: {retries: 1"},
      {"cors", route("upstream: app, cors: {}"), "middleware: [{cors: {...}}]"},
      {"healthcheck",
       with("{name: r, match: {}, upstream: u}",
            "upstreams: {u: {endpoints: [{address: 'a:1'}], healthcheck: {}}}\n"),
       "unknown key 'healthcheck' (did you mean 'health_check'?)"},
      {"servers", with("{name: r, match: {}, upstream: u}", "upstreams: {u: {servers: [a]}}\n"),
       "write `endpoints:"},
      {"a list of known keys", route("upstream: app, colour: x"), "(known: without, rewrite, "},
  });
}

TEST(Foreign, ValuesAreAnsweredWithWhatToWrite) {
  expect({
      {"an address", route("upstream: '127.0.0.1:9000'"), "is an address; write the name"},
      {"a URL", with("{name: r, match: {host: 'https://a.test/b'}, upstream: app}"),
       "write 'a.test', and `path_prefix: /b`"},
      {"a port", with("{name: r, match: {host: 'a.test:80'}, upstream: app}"), "write 'a.test'"},
      {"seconds", route("upstream: app, timeout: 5"), "(did you mean '5s'?)"},
      {"words", route("upstream: app, timeout: 5 min"), "(did you mean '5m'?)"},
      {"mebibytes", route("upstream: app, middleware: [{body_limit: {size: 10m}}]"),
       "(did you mean '10MiB'?)"},
      {"a rate", route("upstream: app, middleware: [{rate_limit: {rate: 50r/s}}]"),
       "(did you mean '50/s'?)"},
      {"a fraction", route("upstream: app, mirror: {upstream: app, sample: 0.25}"),
       "(did you mean '25%'?)"},
      {"yes", route("upstream: app", "server: {via: {request: yes}}\n"), "(did you mean 'on'?)"},
      {"a port too large",
       with("{name: r, match: {}, upstream: u}",
            "upstreams: {u: {endpoints: [{address: "
            "'10.0.0.1:99999'}]}}\n"),
       "; a port is 1 to 65535"},
      {"a URL as endpoint",
       with("{name: r, match: {}, upstream: u}",
            "upstreams: {u: {endpoints: [{address: "
            "'https://a.test/x'}]}}\n"),
       "'a.test:443', and `tls: {}`"},
      {"localhost",
       std::string("listeners: [{name: a, bind: 'localhost:80'}]\nroutes: [{name: r, "
                   "match: {}, respond: {}}]\n"),
       "write 127.0.0.1:80 for this machine alone"},
      {"no host",
       std::string("listeners: [{name: a, bind: ':80'}]\nroutes: [{name: r, match: {}, "
                   "respond: {}}]\n"),
       "write \"*:80\" for every address"},
  });
}

}  // namespace
}  // namespace weir::config
