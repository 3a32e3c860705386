#include "config/foreign_words.hpp"

#include <algorithm>
#include <array>

#include "weir/base/text.hpp"

namespace weir::config {
namespace {

struct KeyRow {
  std::string_view block;  // as of path_pattern(); "?": any
  std::string_view keys;   // divided by spaces; lower case, without '_' and '-'
  ForeignKey key;
};

constexpr std::string_view no_files =
    "Weir serves no files; let a web server do it, and name that as an upstream";
constexpr std::string_view no_retries =
    "write `retry: {retries: 1, conditions: [connect, reset, 502, 503, 504]}` in a route or in "
    "`defaults`; after a failed connect a request goes to another endpoint by itself";
constexpr std::string_view certificates =
    "write `tls: {certificates: [{cert: FILE, key: FILE}]}` at the listener";
constexpr std::string_view to_upstream =
    "write `upstream: NAME`, and its address below `upstreams`: NAME: {endpoints: [{address: "
    "\"HOST:PORT\"}]}";
constexpr std::string_view to_endpoints =
    "write `endpoints: [{address: \"HOST:PORT\"}]`, one item for each server";
constexpr std::string_view to_rewrite =
    "write `rewrite: {prefix: /}` for what replaces the path_prefix, or {path: ...}";

constexpr auto key_rows = std::to_array<KeyRow>({
    // nginx, Caddy and HAProxy begin with a server, Traefik with entry points, Envoy with clusters.
    {"",
     "listen entrypoints entrypoint frontend frontends bind port ports http https",
     {"listeners", "write `listeners: [{name: http, bind: \"0.0.0.0:8080\"}]`"}},
    {"",
     "backend backends services service clusters cluster origins targets pools servers proxypass",
     {"upstreams", "write `upstreams: {NAME: {endpoints: [{address: \"HOST:PORT\"}]}}`"}},
    {"",
     "routers router rules rule locations location virtualhosts vhosts sites paths ingress "
     "handlers "
     "hosts servername",
     {"routes",
      "write `routes: [{name: NAME, match: {host: HOST, path_prefix: /}, upstream: NAME}]`"}},
    {"",
     "middlewares filters plugins",
     {"middleware", "write `middleware: {NAME: {TYPE: {...}}}`"}},
    {"", "tls ssl certificates certificate sslcertificate", {"", certificates}},
    {"", "logging logs loglevel errorlog", {"log", "write `log: {level: info}`"}},
    {"", "accesslogs accesslogging", {"access_log", "write `access_log: {path: stdout}`"}},
    {"",
     "prometheus stats health healthcheck ping api dashboard",
     {"admin",
      "the admin address has /metrics, /healthz and /readyz; write `admin: {bind: "
      "\"127.0.0.1:9901\"}`"}},
    {"",
     "workers workerprocesses threads nbthread cpus",
     {"server", "write `server: {workers: auto}`"}},
    {"",
     "timeout timeouts",
     {"defaults", "write `defaults: {timeout: 15s}`, or `timeout` in a route"}},
    {"",
     "realip setrealipfrom trustedips trustedproxy proxies",
     {"trusted_proxies", "write `trusted_proxies: [10.0.0.0/8]`"}},
    {"",
     "include import includes",
     {"",
      "give a folder instead: all of its *.yaml and *.yml files are read (weir check -c FOLDER)"}},

    {"listeners[]",
     "listen port ports address addr host ip interface socket",
     {"bind", "write `bind: \"0.0.0.0:8080\"`"}},
    {"listeners[]",
     "http2 http1 h2 h2c alpn protocol",
     {"protocols",
      "with `tls` clients get HTTP/2 without any setting; without `tls` write `protocols: [http1, "
      "h2c]`"}},
    {"listeners[]",
     "ssl certificates certificate cert key sslcertificate sslcertificatekey https",
     {"tls", "write `tls: {certificates: [{cert: FILE, key: FILE}]}`"}},
    {"listeners[]",
     "servername servernames domain domains hosts hostname hostnames",
     {"",
      "a host is a condition of a route: `match: {host: NAME}`; certificates are chosen by the "
      "names in them"}},
    {"listeners[]",
     "routes location locations route rules",
     {"",
      "`routes` stands beside `listeners`; `match: {listeners: [NAME]}` in a route names this "
      "one"}},
    {"listeners[]",
     "httpsredirect forcehttps redirect sslredirect redirecttohttps",
     {"redirect_https", "write `redirect_https: on`"}},
    {"listeners[]",
     "timeout timeouts idletimeout readtimeout keepalivetimeout maxbodysize clientmaxbodysize "
     "bodysize headersize connectionage",
     {"limits", "it belongs to `limits`, as in `limits: {idle_timeout: 75s, body_size: 10MiB}`"}},
    {"listeners[]", "acceptproxy", {"proxy_protocol", "write `proxy_protocol: required`"}},
    {"listeners[].tls",
     "cert certificate key crt certfile keyfile sslcertificate pem",
     {"certificates", "write `certificates: [{cert: FILE, key: FILE}]`"}},
    {"listeners[].tls",
     "protocols versions sslprotocols minimumversion version",
     {"min_version", "write `min_version: \"1.2\"` or \"1.3\""}},

    {"routes[]",
     "proxypass backend backends service services cluster target targets url destination dest to "
     "forward reverseproxy proxy endpoint endpoints usebackend upstreams",
     {"upstream", to_upstream}},
    {"routes[]",
     "location path paths pathprefix pathregex prefix uri rule rules host hosts hostname "
     "servername "
     "domain domains method methods query scheme matches listeners",
     {"match",
      "it is a condition; write it in `match`, as in `match: {host: api.example.com, "
      "path_prefix: /orders, methods: [GET]}`"}},
    {"routes[]",
     "headers",
     {"",
      "conditions are `match: {headers: ...}`, changes are `request_headers` and "
      "`response_headers`"}},
    {"routes[]",
     "return status body response",
     {"respond",
      "write `respond: {status: 200, body: TEXT}` or `redirect: {status: 308, to: URL}`"}},
    {"routes[]",
     "stripprefix stripprefixregex replacepath pathrewrite rewritetarget prefixrewrite "
     "addprefix",
     {"rewrite", to_rewrite}},
    {"routes[]", "websocket websockets upgrade", {"upgrades", "write `upgrades: [websocket]`"}},
    {"routes[]",
     "middlewares filters plugins policies",
     {"middleware", "write `middleware: [NAME, {TYPE: {...}}]`"}},
    {"routes[]",
     "weightedclusters weights weighted canary trafficsplit splitclients",
     {"split", "write `split: [{upstream: NAME, weight: 90}, {upstream: OTHER, weight: 10}]`"}},
    {"routes[]",
     "timeouts proxyreadtimeout readtimeout requesttimeout",
     {"timeout",
      "write `timeout: 15s`; `stream_idle_timeout` and `max_duration` limit what follows the "
      "head"}},
    {"routes[]",
     "setheader setheaders proxysetheader requestheader",
     {"request_headers", "write `request_headers: {set: {x-name: VALUE}}`"}},
    {"routes[]",
     "addheader addheaders responseheader",
     {"response_headers", "write `response_headers: {set: {x-name: VALUE}}`"}},
    {"routes[]",
     "https tls ssl requiretls forcehttps",
     {"",
      "`match: {scheme: https}` is that condition; `redirect_https: on` at the listener sends "
      "plain requests there"}},
    {"routes[]",
     "mirrorto shadow requestmirrorpolicies",
     {"mirror", "write `mirror: {upstream: NAME}`"}},
    {"routes[]",
     "failover backup errorpage errors handleerrors",
     {"fallback", "write `fallback: {upstream: NAME}` or `fallback: {respond: {...}}`"}},
    {"routes[]",
     "loadbalancer lbpolicy healthcheck circuitbreaker connecttimeout pool",
     {"", "it belongs to an upstream, below `upstreams`"}},

    {"routes[].match",
     "hosts hostname hostnames domain domains servername authority",
     {"host", "write `host: NAME` or a list of names"}},
    {"routes[].match",
     "paths locations",
     {"path",
      "a route has one path; write a route for each, or "
      "`path_regex`"}},
    {"routes[].match",
     "prefix startswith location pathbegins",
     {"path_prefix", "write `path_prefix: /...`"}},
    {"routes[].match",
     "regex regexp pathregexp saferegex",
     {"path_regex", "write `path_regex: ...`"}},
    {"routes[].match", "exact uri", {"path", "write `path: /...`"}},
    {"routes[].match", "method verbs", {"methods", "write `methods: [GET]`"}},
    {"routes[].match", "header", {"headers", "write `headers: {x-name: VALUE}`"}},
    {"routes[].match",
     "queryparameters queryparams params args querystring",
     {"query", "write `query: {NAME: VALUE}`"}},
    {"routes[].match", "entrypoints entrypoint", {"listeners", "write `listeners: [NAME]`"}},
    {"routes[].match", "protocol ssl tls https", {"scheme", "write `scheme: https`"}},

    {"upstreams.*",
     "server servers target targets node nodes host hosts address addresses url urls backends "
     "members "
     "loadassignment endpoint",
     {"endpoints", to_endpoints}},
    {"upstreams.*", "http2 h2 grpc", {"protocol", "write `protocol: h2`"}},
    {"upstreams.*",
     "https ssl scheme",
     {"tls",
      "write `tls: {}`, which verifies the endpoint's name; `tls: {ca: FILE}` for a CA of your "
      "own"}},
    {"upstreams.*",
     "lb lbpolicy balance balancer algorithm loadbalancing strategy policy",
     {"load_balancer", "write `load_balancer: {policy: round_robin}`"}},
    {"upstreams.*",
     "slowstart panicthreshold hashkey boundedload",
     {"", "it belongs to the upstream's `load_balancer`"}},
    {"upstreams.*.load_balancer",
     "hashbalancefactor hashloadfactor",
     {"bounded_load", "write `bounded_load: 125%`"}},
    {"upstreams.*.load_balancer",
     "hashon hashby hashpolicy sticky stickycookie",
     {"key", "write `policy: hash` and `key: {cookie: NAME}`, {header: NAME} or client_ip"}},
    {"upstreams.*.endpoints[]", "backup", {"priority", "write `priority: 1`"}},
    {"upstreams.*.endpoints[]", "slowstart", {"", "it belongs to the upstream's `load_balancer`"}},
    {"upstreams.*",
     "timeout timeouts proxyreadtimeout readtimeout",
     {"", "`timeout` belongs to a route; here are `connect_timeout` and `idle_timeout`"}},
    {"upstreams.*",
     "keepalive maxconnections maxconn maxconns connections connectionpool",
     {"pool", "write `pool: {in_flight: 1024}`"}},
    {"upstreams.*",
     "hostheader preservehost passhostheader",
     {"",
      "the client's Host is forwarded by itself; `rewrite: {host: NAME}` in a route changes it"}},
    {"upstreams.*",
     "maxfails failtimeout passivehealthcheck passivehealth",
     {"outlier_detection",
      "an endpoint that refuses connections is left out by itself; for answers "
      "write `outlier_detection: {}`"}},
    {"upstreams.*.tls",
     "sni serverhost proxysslname",
     {"server_name", "write `server_name: NAME`"}},
    {"upstreams.*.tls",
     "insecureskipverify insecure skipverify sslverify proxysslverify",
     {"verify", "write `verify: off` where any certificate will do"}},
    {"upstreams.*.tls", "cafile cacert rootca rootcas trustedca", {"ca", "write `ca: FILE`"}},
    {"upstreams.*.endpoints[]",
     "host ip url server addr target hostname port name",
     {"address", "write `address: \"HOST:PORT\"`"}},

    {"middleware.*",
     "ipallowlist ipwhitelist whitelist allowlist",
     {"ip_filter", "write `ip_filter: {allow: [10.0.0.0/8]}`"}},
    {"middleware.*",
     "inflightreq limitconn",
     {"concurrency_limit", "write `concurrency_limit: {limit: 10}`"}},
    {"middleware.*",
     "limitreq throttle localratelimit",
     {"rate_limit", "write `rate_limit: {rate: 50/s}`"}},
    {"middleware.*",
     "authrequest extauthz externalauth",
     {"forward_auth", "write `forward_auth: {upstream: NAME, path: /verify}`"}},
    {"middleware.*", "keyauth", {"api_key", "write `api_key: {keys_file: FILE}`"}},
    {"middleware.*", "jwtauthn authjwt", {"jwt", "write `jwt: {issuers: [...]}`"}},
    {"middleware.*",
     "buffering clientmaxbodysize",
     {"body_limit", "write `body_limit: {size: 10MiB}`"}},
    {"middleware.*",
     "stripprefix replacepath addprefix rewrite",
     {"", "paths are changed by a route's `rewrite`"}},
    {"middleware.*",
     "redirectscheme redirectregex redirect",
     {"", "`redirect_https: on` at a listener, or a route's `redirect`"}},
    {"middleware.*", "circuitbreaker", {"", "`circuit_breaker` belongs to an upstream"}},

    {"?", "root alias tryfiles index autoindex fileserver static files", {"", no_files}},
    {"?",
     "gzip compression brotli zstd encode deflate compress",
     {"", "Weir does not compress answers; let the upstream do it"}},
    {"?",
     "autohttps acme letsencrypt certresolver certificatesresolvers autocert email",
     {"",
      "Weir gets no certificates itself; let an ACME client (certbot) write the files that "
      "`tls.certificates` names, they are read again when they change"}},
    {"?",
     "retries retryon retrypolicy numretries maxretries proxynextupstream",
     {"retry", no_retries}},
    {"?", "cache caching proxycache", {"", "Weir does not cache answers"}},
});

struct ShapeRow {
  std::string_view path;
  std::string_view remedy;
};
constexpr auto shape_rows = std::to_array<ShapeRow>({
    {"listeners", "write `listeners: [{name: http, bind: \"0.0.0.0:8080\"}]`"},
    {"listeners[]", "write `{name: http, bind: \"0.0.0.0:8080\"}`"},
    {"listeners[].tls", "write `tls: {certificates: [{cert: FILE, key: FILE}]}`"},
    {"listeners[].tls.certificates", "write `certificates: [{cert: FILE, key: FILE}]`"},
    {"listeners[].limits", "write `limits: {body_size: 10MiB}`"},
    {"routes", "write `routes: [{name: NAME, match: {path_prefix: /}, upstream: NAME}]`"},
    {"routes[]", "write `{name: NAME, match: {path_prefix: /}, upstream: NAME}`"},
    {"routes[].match", "write `match: {path_prefix: /orders}`"},
    {"routes[].split",
     "write `split: [{upstream: NAME, weight: 90}, {upstream: OTHER, weight: 10}]`"},
    {"routes[].redirect", "write `redirect: {to: URL}`"},
    {"routes[].respond", "write `respond: {status: 200, body: TEXT}`"},
    {"routes[].rewrite", "write `rewrite: {prefix: /}` or `rewrite: {path: /...}`"},
    {"routes[].mirror", "write `mirror: {upstream: NAME}`"},
    {"routes[].sticky", "write `sticky: {}`"},
    {"routes[].middleware", "write `middleware: [NAME, {TYPE: {...}}]`"},
    {"upstreams", "write `upstreams: {NAME: {endpoints: [{address: \"HOST:PORT\"}]}}`"},
    {"upstreams.*", "write `{endpoints: [{address: \"HOST:PORT\"}]}`"},
    {"upstreams.*.endpoints", "write `endpoints: [{address: \"HOST:PORT\"}]`"},
    {"upstreams.*.endpoints[]", "write `{address: \"HOST:PORT\"}`"},
    {"upstreams.*.tls", "write `tls: {}`, which verifies the endpoint's name"},
    {"upstreams.*.load_balancer", "write `load_balancer: {policy: round_robin}`"},
    {"upstreams.*.circuit_breaker", "write `circuit_breaker: {}`"},
    {"upstreams.*.pool", "write `pool: {in_flight: 1024}`"},
    {"middleware", "write `middleware: {NAME: {TYPE: {...}}}`"},
    {"middleware.*", "write `{TYPE: {...}}`, as in `{rate_limit: {rate: 50/s}}`"},
    {"log", "write `log: {level: info}`"},
    {"access_log", "write `access_log: {path: off}`, or stdout, stderr or a file"},
    {"server", "write `server: {workers: auto}`; where clients connect is `listeners`"},
    {"defaults", "write `defaults: {timeout: 15s}`"},
});

// Whether `key`, as it was written, is one of `keys`.
bool is_listed(std::string_view key, std::string_view keys) {
  while (!keys.empty()) {
    const std::size_t space = keys.find(' ');
    if (keys.substr(0, space) == key) return true;
    keys.remove_prefix(space == std::string_view::npos ? keys.size() : space + 1);
  }
  return false;
}

}  // namespace

std::string path_pattern(std::string_view path) {
  std::string out;
  for (const std::string_view named : {"upstreams.", "middleware."}) {
    if (!path.starts_with(named)) continue;
    out = std::string(named) + "*";
    path.remove_prefix(named.size());
    path.remove_prefix(std::min(path.find('.'), path.size()));
    break;
  }
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) out += c;
    if (c == '[') inside = true;
  }
  // An entry of a route's list is a middleware, too.
  return out.ends_with(".middleware[]") ? "middleware.*" : out;
}

const ForeignKey* foreign_key(std::string_view block, std::string_view key) {
  constexpr std::size_t longest = 40;
  if (key.size() > longest) return nullptr;
  std::string plain;
  for (const char c : key) {
    if (c != '_' && c != '-') plain += to_lower(c);
  }
  const std::string pattern = path_pattern(block);
  const auto row = std::ranges::find_if(key_rows, [&](const KeyRow& each) {
    return (each.block == "?" || each.block == pattern) && is_listed(plain, each.keys);
  });
  return row == key_rows.end() ? nullptr : &row->key;
}

std::string_view shape_remedy(std::string_view path) {
  const std::string pattern = path_pattern(path);
  const auto row = std::ranges::find(shape_rows, pattern, &ShapeRow::path);
  return row == shape_rows.end() ? std::string_view() : row->remedy;
}

}  // namespace weir::config
