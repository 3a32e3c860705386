#include "weir/config/loader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/problem_row.hpp"

namespace weir::config {
namespace {

// A folder of its own that leaves with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-config-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view text) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::string path_;
};

Config loaded(std::string_view yaml, const std::string& folder = ".") {
  auto out = load_text(yaml, "weir.yaml", folder);
  EXPECT_TRUE(out) << (out ? "" : out.error().front().to_string());
  return out ? std::move(out->config) : Config();
}

constexpr std::string_view head = R"(
version: 1
listeners: [{name: http, bind: 127.0.0.1:0}, {name: local, bind: "unix:/tmp/x.sock", proxy_protocol: required}]
upstreams: {app: {endpoints: [{address: "[::1]:1"}, {address: "unix:/tmp/a"}, {address: "app.svc:80", weight: 3}]}}
)";

std::string with_head(std::string_view rest) { return std::string(head) + std::string(rest); }

TEST(Loader, ReadsAMinimalConfiguration) {
  const Config config = loaded(with_head("routes: [{name: r, match: {}, upstream: app}]\n"));
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].bind.to_string(), "127.0.0.1:0");
  EXPECT_TRUE(config.listeners[1].bind.is_unix());
  EXPECT_EQ(config.listeners[1].proxy_protocol, ProxyProtocol::required);
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0].match.path_kind, PathKind::any);
  EXPECT_EQ(config.routes[0].at, "routes[0]");
  const auto& action = std::get<UpstreamAction>(config.routes[0].action);
  EXPECT_FALSE(action.is_split);
  EXPECT_EQ(action.split.at(0).upstream, "app");
  ASSERT_NE(config.find_upstream("app"), nullptr);
  EXPECT_EQ(config.find_upstream("app")->endpoints.at(2).weight, 3u);
  EXPECT_EQ(config.find_upstream("other"), nullptr);
}

TEST(Loader, ReadsAMatch) {
  const Config config = loaded(with_head(R"(
routes:
  - name: r
    match:
      host: API.Example.com.
      path: "/a/{x}/b/{y}"
      methods: [GET]
      headers: {a: b, c: {regex: "x+"}, d: {present: on}, e: {present: off}}
      query: {q: ""}
      listeners: [http]
      scheme: https
    respond: {body: "{x} {{}} {y}", headers: {content-type: text/plain}}
)"));
  const Match& match = config.routes.at(0).match;
  EXPECT_EQ(match.hosts, std::vector<std::string>{"api.example.com"});
  EXPECT_EQ(match.path_kind, PathKind::exact);
  EXPECT_EQ(match.path_params, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(match.path_place.line, 9);
  EXPECT_EQ(match.path_place.column, 12);
  ASSERT_EQ(match.headers.size(), 4u);
  EXPECT_EQ(match.headers[0].kind, ValueMatch::Kind::equals);
  EXPECT_EQ(match.headers[1].kind, ValueMatch::Kind::regex);
  EXPECT_EQ(match.headers[1].value, "x+");
  EXPECT_EQ(match.headers[2].kind, ValueMatch::Kind::present);
  EXPECT_EQ(match.headers[3].kind, ValueMatch::Kind::absent);
  EXPECT_EQ(match.query.at(0).value, "");
  EXPECT_EQ(match.scheme, "https");
}

TEST(Loader, JoinsDefaultsIntoRoutes) {
  const Config config = loaded(with_head(R"(
middleware:
  a: {body_limit: {size: 1KiB}}
  b: {headers: {response: {remove: [server]}}}
defaults:
  middleware: [a, {ip_filter: {deny: ["10.0.0.0/8"]}}]
  timeout: 3s
  stream_idle_timeout: 0
  encoded_slashes: keep
  request_headers: {set: {x-one: "1", x-two: "2", x-four: "4"}, remove: [x-three]}
routes:
  - {name: r, match: {}, upstream: app, middleware: [b, {ip_filter: {allow: ["::1"]}}, {cors: {origins: ["*"]}}]}
  - name: s
    match: {path: "/a%2Fb"}
    upstream: app
    without: [a]
    timeout: 0
    request_headers: {set: {X-Two: two}, remove: [x-four], add: {x-one: more}}
)"));
  const Route& r = config.routes.at(0);
  EXPECT_EQ(r.middleware,
            (std::vector<std::string>{"a", "r/ip_filter", "b", "r/ip_filter#2", "r/cors"}));
  EXPECT_EQ(r.timeout, 3s);
  EXPECT_EQ(r.stream_idle_timeout, 0s);
  EXPECT_EQ(r.request_headers.set.size(), 3u);
  const Route& s = config.routes.at(1);
  EXPECT_EQ(s.middleware, std::vector<std::string>{"s/ip_filter"});
  EXPECT_EQ(s.timeout, 0s);
  EXPECT_EQ(s.encoded_slashes, EncodedSlashes::keep);
  using Changes = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(s.request_headers.set, (Changes{{"x-one", "1"}, {"X-Two", "two"}}));
  EXPECT_EQ(s.request_headers.add, (Changes{{"x-one", "more"}}));
  EXPECT_EQ(s.request_headers.remove, (std::vector<std::string>{"x-three", "x-four"}));
  ASSERT_NE(config.find_middleware("r/ip_filter#2"), nullptr);
  EXPECT_EQ(std::get<IpFilter>(config.find_middleware("r/ip_filter#2")->spec).allow.size(), 1u);
  EXPECT_EQ(std::get<IpFilter>(config.find_middleware("s/ip_filter")->spec).deny.size(), 1u);
}

TEST(Loader, PrintsInlineMiddlewareWhereItStands) {
  const Config config = loaded(with_head(R"(
defaults: {middleware: [{ip_filter: {deny: ["10.0.0.0/8"]}}]}
routes: [{name: r, match: {}, upstream: app, middleware: [{ip_filter: {allow: ["::1"]}}]}]
)"));
  const Config again = loaded(to_yaml(config));
  EXPECT_EQ(again.routes.at(0).middleware, config.routes.at(0).middleware);
  EXPECT_EQ(to_yaml(again), to_yaml(config));
}

TEST(Loader, WarnsOfWhatNobodyUses) {
  const auto out = load_text(with_head(R"(
admin: {bind: "0.0.0.0:9901"}
middleware: {m: {body_limit: {size: 0}}}
routes: [{name: r, match: {}, respond: {}}]
)"));
  ASSERT_TRUE(out);
  std::vector<std::string> lines;
  for (const Problem& each : out->warnings) lines.push_back(each.to_string());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "weir.yaml:4:13: upstreams.app: no route uses it [unused-upstream]");
  EXPECT_TRUE(lines[1].starts_with("weir.yaml:6:15: admin.bind: not a loopback address"))
      << lines[1];
  EXPECT_EQ(lines[2], "weir.yaml:7:14: middleware.m: no route uses it [unused-middleware]");
}

TEST(Loader, WarnsOfTokensInTheAccessLog) {
  struct Row {
    const char* log;
    const char* from;
    const char* warned;  // the parameter, "" for no warning
  };
  const Row rows[]{
      {"{}", "{query: t}", "'t'"},
      {"{}", "{query: access_token}", "'access_token'"},
      {"{query: redact}", "{query: t}", "'t'"},
      {"{query: redact}", "{query: Access_Token}", ""},
      {"{query: drop}", "{query: t}", ""},
      {"{path: off}", "{query: t}", ""},
      {"{}", "{header: t}", ""},
      {"{}", "{cookie: t}", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.log) + " " + row.from);
    const auto out = load_text(
        with_head(fmt::format("access_log: {}\n"
                              "routes: [{{name: r, match: {{}}, upstream: app, middleware: [{{jwt: "
                              "{{from: [{}], issuers: "
                              "[{{issuer: i, algorithms: [HS256], keys: {{secret: {}}}}}]}}}}]}}]",
                              row.log, row.from, std::string(32, 's'))));
    ASSERT_TRUE(out) << out.error().front().to_string();
    ASSERT_EQ(out->warnings.size(), *row.warned == '\0' ? 0u : 1u);
    if (!out->warnings.empty()) {
      EXPECT_TRUE(out->warnings.front().to_string().contains(row.warned));
    }
  }
}

TEST(Loader, ExpandsVariablesInValuesOnly) {
  ::setenv("WEIR_TEST_PORT", "81, address: x", 1);
  EXPECT_EQ(problems_of(with_head("log: {level: '${WEIR_TEST_PORT}'}\n"
                                  "routes: [{name: r, match: {}, upstream: app}]")),
            std::vector<std::string>{
                "4:13: log.level: '81, address: x' is not one of trace, debug, info, warn, error"});
  const Config config =
      loaded(with_head("log: {level: '${WEIR_TEST_UNSET:-debug}'}\n"
                       "routes: [{name: r, match: {}, upstream: app}]"));
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_EQ(problems_of(with_head("'${WEIR_TEST_PORT}': {}\n"
                                  "routes: [{name: r, match: {}, upstream: app}]"))
                .size(),
            1u);
}

TEST(Loader, TakesAliases) {
  const Config config = loaded(with_head(R"(
routes:
  - {name: r, match: {path: /r}, upstream: app, request_headers: &h {set: {a: b}}}
  - {name: s, match: {path: /s}, upstream: app, request_headers: *h}
)"));
  EXPECT_EQ(config.routes.at(1).request_headers.set, config.routes.at(0).request_headers.set);
}

TEST(Loader, BoundsWhatAliasesMultiply) {
  std::string bomb = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const auto problems = problems_of(bomb);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(problems[0].ends_with("more than 1000000 values, those of aliases included"));
}

TEST(Loader, BoundsDepthAndSize) {
  const auto deep = problems_of(std::string(100'000, '['));
  ASSERT_EQ(deep.size(), 1u);
  EXPECT_TRUE(deep[0].ends_with("more than 64 levels deep")) << deep[0];
  EXPECT_EQ(problems_of(std::string(17 << 20, '#')),
            std::vector<std::string>{"0:0: the file is larger than 16 MiB"});
}

TEST(Loader, JoinsTheFilesOfAFolder) {
  const Folder folder;
  folder.write("a.yaml",
               "version: 1\nlisteners: [{name: http, bind: '[::]:0'}]\nlog: {level: warn}\n"
               "routes: [{name: one, match: {path: /1}, upstream: app}]\n");
  folder.write("b.yaml",
               "routes: [{name: two, match: {path: /2}, upstream: app}]\n"
               "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n");
  folder.write("c.yaml", "# nothing\n");
  // Sorted among the others, so before "b.yaml".
  folder.write("b.a.yml", "routes: [{name: between, match: {path: /3}, upstream: app}]\n");
  folder.write(".e.yaml", "not: read\n");
  folder.write(".f.yml", "not: read\n");
  folder.write("g.YML", "not: read\n");
  folder.write("h.yml.bak", "not: read\n");
  const auto out = load(folder.path());
  ASSERT_TRUE(out) << out.error().front().to_string();
  EXPECT_EQ(out->config.folder, folder.path());
  ASSERT_EQ(out->config.routes.size(), 3u);
  EXPECT_EQ(out->config.routes[1].name, "between");
  EXPECT_EQ(out->config.routes[2].name, "two");
  EXPECT_EQ(out->config.log.level, LogLevel::warn);
}

TEST(Loader, NamesTheFileOfAProblem) {
  const Folder folder;
  const std::string a =
      folder.write("a.yaml",
                   "version: 1\nlisteners: [{name: http, bind: '[::]:0'}]\nlog: {level: warn}\n"
                   "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n");
  const std::string b =
      folder.write("b.yaml",
                   "log: {level: info}\nroutes: [{name: r, match: {}, upstream: ap}]\n"
                   "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n");
  const auto out = load(folder.path());
  ASSERT_FALSE(out);
  std::vector<std::string> lines;
  for (const Problem& each : out.error()) lines.push_back(each.to_string());
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                b + ":1:1: log: is already in " + a + "; it may be in one file only",
                b + ":2:41: routes[0].upstream: unknown upstream 'ap' (did you mean 'app'?)",
                b + ":3:13: upstreams.app: the name 'app' is already taken at " + a + ":4:13"}));
}

TEST(Loader, SaysWhatItCannotOpen) {
  const Folder folder;
  ASSERT_FALSE(load(folder.path()));
  EXPECT_EQ(load(folder.path()).error().front().message,
            "there is no *.yaml or *.yml in the folder");
  EXPECT_EQ(load(folder.path() + "/none.yaml").error().front().message,
            "cannot be read: No such file or directory");
}

TEST(Loader, ReadsSecretsAndHidesThem) {
  const Folder folder;
  folder.write("token", "hush\n");
  folder.write("users", "ana:$6$salt$" + std::string(86, 'b') + "\n");
  const std::string file = folder.write("weir.yaml", with_head(R"(
admin: {bind: "0.0.0.0:9901", token_file: token}
routes:
  - name: r
    match: {headers: {X-Token: hush}}
    upstream: app
    middleware: [{basic_auth: {users_file: users}}]
    request_headers: {set: {Authorization: "Bearer hush"}}
)"));
  const auto out = load(file);
  ASSERT_TRUE(out) << out.error().front().to_string();
  EXPECT_TRUE(out->warnings.empty());
  EXPECT_EQ(out->config.admin.token, "hush");
  EXPECT_EQ(std::get<BasicAuth>(out->config.find_middleware("r/basic_auth")->spec).users.size(),
            1u);
  for (const std::string& printed : {to_yaml(out->config), to_json(out->config)}) {
    EXPECT_FALSE(printed.contains("hush")) << printed;
    EXPECT_FALSE(printed.contains("$6$")) << printed;
    EXPECT_TRUE(printed.contains("REDACTED"));
  }
  const auto again = load_text(to_yaml(out->config), "weir.yaml", folder.path());
  EXPECT_TRUE(again) << again.error().front().to_string();
}

TEST(Loader, RefusesAnEmptyToken) {
  const Folder folder;
  folder.write("token", "\n");
  const std::string file =
      folder.write("weir.yaml", with_head("admin: {token_file: token}\n"
                                          "routes: [{name: r, match: {}, upstream: app}]\n"));
  const auto out = load(file);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().front().message,
            "'token' must hold one token, without spaces, on one line");
}

// As an unset ${NAME:-} leaves it.
TEST(Loader, TakesAnEmptyNameOfATokenFileForNone) {
  const Config config = loaded(with_head(R"(
admin: {token_file: "${WEIR_NO_SUCH_VARIABLE:-}"}
routes: [{name: r, match: {}, upstream: app}]
)"));
  EXPECT_EQ(config.admin.token, "");
  EXPECT_EQ(config.admin.token_file, "");
}

TEST(Loader, TurnsAdminOff) {
  for (const std::string_view off : {"off", "false", "{bind: off}"}) {
    const Config config = loaded(with_head("admin: " + std::string(off) +
                                           "\nroutes: [{name: r, match: {}, upstream: app}]\n"));
    EXPECT_EQ(config.admin.bind, "") << off;
    EXPECT_EQ(loaded(to_yaml(config)).admin.bind, "");
  }
}

}  // namespace
}  // namespace weir::config
