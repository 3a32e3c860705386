#include "driver/options.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "weir/base/release.hpp"
#include "weir/base/text.hpp"
#include "weir/config/duration.hpp"
#include "weir/config/problem.hpp"
#include "weir/config/tls.hpp"
#include "weir/http/header_map.hpp"

namespace weir::bench {
namespace {

constexpr std::size_t most_streams = 16;
constexpr double most_rate = 1e6;
// Seconds of all streams whose latencies are kept apart: some 100 MB at the very most.
constexpr double most_seconds = 10'000;

constexpr std::string_view about =
    R"(Sends requests to an HTTP server at a constant rate (open loop), and prints one JSON object.
Each request is due at a time of the clock, however slow the answers before it are, and its latency
counts from that time.)";

constexpr std::string_view footer = R"(Examples:
  weir-load http://127.0.0.1:8080/ --rates 1000,2000,4000 --seconds 10
  weir-load https://127.0.0.1:8443/ --http2 --insecure --rates 5000 --seconds 30 --good-within 50ms
  weir-load http://127.0.0.1:8080/ --seconds 20 \
      --stream 'small,1000,GET,/,X-Caller: a' --stream 'big,100,GET,/report,X-Caller: b')";

// What is wrong with the command line, in words for its user.
class Wrong : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Asked {
  std::string url;
  std::string rates;
  double seconds = 10;
  double warmup = 0;
  std::vector<std::string> streams;
  std::vector<std::string> headers;
  std::string method = "GET";
  std::string authority;
  std::size_t content = 0;
  std::string arrivals = "even";
  std::uint64_t seed = 1;
  std::string timeout = "10s";
  std::string good_within;
  std::size_t connections = 0;
  std::size_t places = 100;
  std::size_t waiting = 65'536;
  std::string cpu;
  bool http2 = false;
  bool insecure = false;
  std::string ca;
};

double rate_of(std::string_view text) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || !(out > 0 && out <= most_rate)) {
    throw Wrong(
        fmt::format("\"{}\" is no rate: write requests a second, up to {:.0f}", text, most_rate));
  }
  return out;
}

Duration duration_of(std::string_view option, std::string_view text) {
  const auto out = config::parse_duration(text);
  if (!out) throw Wrong(fmt::format("{}: {}", option, out.error()));
  if (*out <= Duration::zero()) throw Wrong(fmt::format("{} has to be more than 0", option));
  return *out;
}

void add_header(RequestHead& head, std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = trim(line.substr(0, colon));
  if (colon == std::string_view::npos || !is_token(name)) {
    throw Wrong(fmt::format("\"{}\" is no header: write NAME: VALUE", line));
  }
  const std::string_view value = trim(line.substr(colon + 1));
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; };
  if (std::ranges::any_of(value, control)) {
    throw Wrong(fmt::format("the value of header {} has a control character", name));
  }
  if (iequals(name, "host")) throw Wrong("a Host is given by --authority");
  if (is_framing_or_hop_by_hop(name)) {
    throw Wrong(fmt::format("{} is the driver's own: it cannot be given", name));
  }
  head.headers.add(name, value);
}

// Texts go into the head's arena.
void set_target(RequestHead& head, std::string_view method, std::string_view path) {
  if (!is_token(method) || method == "CONNECT") {
    throw Wrong(fmt::format("\"{}\" is no method that can be sent", method));
  }
  const auto bad = [](char c) { return c <= ' ' || c > '~' || c == '#'; };
  if (!path.starts_with('/') || std::ranges::any_of(path, bad)) {
    throw Wrong(fmt::format("\"{}\" is no path: it begins with /, without spaces", path));
  }
  Arena& arena = head.headers.arena();
  head.method = parse_method(method);
  head.method_text = arena.copy(method);
  head.target = arena.copy(path);
  const std::size_t mark = head.target.find('?');
  head.path = head.target.substr(0, mark);
  head.has_query = mark != std::string_view::npos;
  if (head.has_query) head.query = head.target.substr(mark + 1);
}

// NAME,RATE,METHOD,PATH[,HEADER...]
Stream stream_of(std::string_view text, std::vector<std::string>& headers) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text; true;) {
    const std::size_t comma = rest.find(',');
    parts.push_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (parts.size() < 4 || parts[0].empty()) {
    throw Wrong(fmt::format("--stream \"{}\": write NAME,RATE,METHOD,PATH[,HEADER...]", text));
  }
  Stream out;
  out.name = parts[0];
  out.rate = rate_of(parts[1]);
  set_target(out.head, parts[2], parts[3]);
  headers.assign(parts.begin() + 4, parts.end());
  return out;
}

struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string authority;
  std::string path = "/";
};

Url parse_url(std::string_view text) {
  Url out;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    out.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    throw Wrong(fmt::format("\"{}\" is no URL: write http://HOST[:PORT][/PATH] or https://", text));
  }
  const std::size_t slash = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) {
    out.path = rest[slash] == '/' ? "" : "/";
    out.path += rest.substr(slash);
  }
  out.authority = authority;
  const bool has_port = authority.rfind(':') != std::string_view::npos && !authority.ends_with(']');
  const auto parts = split_host_port(
      has_port ? std::string(authority) : fmt::format("{}:{}", authority, out.tls ? 443 : 80));
  if (!parts || parts->host.empty()) {
    throw Wrong(fmt::format("\"{}\" is no host with a port from 1 to 65535", authority));
  }
  out.host = parts->host;
  out.port = parts->port;
  return out;
}

SocketAddress address_of(const Url& url) {
  if (const auto ip = IpAddress::parse(url.host)) return {*ip, url.port};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(url.port);
  const int error = ::getaddrinfo(url.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    throw Wrong(fmt::format("{} has no address: {}", url.host, ::gai_strerror(error)));
  }
  const SocketAddress out = SocketAddress::from(found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return out;
}

Target target_of(const Asked& asked, const Url& url) {
  Target out;
  out.url = asked.url;
  out.address = address_of(url);
  out.host = url.host;
  out.authority = asked.authority.empty() ? url.authority : asked.authority;
  out.http2 = asked.http2;
  if (!url.tls) {
    if (asked.insecure || !asked.ca.empty()) throw Wrong("--insecure and --ca are of https URLs");
    return out;
  }
  config::UpstreamTls settings;
  settings.verify = !asked.insecure;
  settings.ca.name = settings.ca.path = asked.ca;
  settings.ca.at = "--ca";
  auto client =
      net::TlsClient::open(settings, {asked.http2 ? std::string("h2") : std::string("http/1.1")});
  if (!client) throw Wrong(client.error().front().message);
  out.tls = std::move(*client);
  return out;
}

void set_streams(Options& out, const Asked& asked, const Url& url) {
  std::vector<std::vector<std::string>> own;
  if (asked.streams.empty()) {
    Stream& stream = out.streams.emplace_back();
    stream.name = "all";
    stream.rate = 1;
    set_target(stream.head, asked.method, url.path);
    own.emplace_back();
  }
  for (const std::string& text : asked.streams) {
    out.streams.push_back(stream_of(text, own.emplace_back()));
    const auto same = [&](const Stream& other) { return other.name == out.streams.back().name; };
    if (std::ranges::count_if(out.streams, same) > 1) {
      throw Wrong(fmt::format("two streams are called {}", out.streams.back().name));
    }
  }
  if (out.streams.size() > most_streams) {
    throw Wrong(fmt::format("there can be {} streams at most", most_streams));
  }
  for (std::size_t i = 0; i < out.streams.size(); ++i) {
    Stream& stream = out.streams[i];
    RequestHead& head = stream.head;
    head.authority = head.host = head.headers.arena().copy(out.target.authority);
    head.scheme = out.target.tls != nullptr ? Scheme::https : Scheme::http;
    head.headers.add("User-Agent", "weir-load");
    for (const std::string& line : asked.headers) add_header(head, line);
    for (const std::string& line : own[i]) add_header(head, line);
    if (asked.content == 0 || is_safe(head.method)) continue;
    stream.content.assign(asked.content, 'x');
    head.framing = Framing::length;
    head.content_length = asked.content;
  }
}

void set_steps(Options& out, const Asked& asked) {
  if (!(asked.seconds > 0) || !(asked.warmup >= 0)) {
    throw Wrong("--seconds has to be more than 0, --warmup not less");
  }
  const auto in_nanoseconds = [](double seconds) { return Duration(std::llround(seconds * 1e9)); };
  double weights = 0;
  for (const Stream& stream : out.streams) weights += stream.rate;
  std::vector<double> rates;
  for (std::string_view rest = asked.rates; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    rates.push_back(rate_of(rest.substr(0, comma)));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  if (rates.empty()) {
    if (asked.streams.empty()) throw Wrong("say how many requests a second: --rates N[,N...]");
    rates.push_back(weights);
  }
  const double all_seconds = static_cast<double>(rates.size()) * asked.seconds;
  if (all_seconds * static_cast<double>(out.streams.size()) > most_seconds) {
    throw Wrong(
        fmt::format("steps, seconds and streams together are more than {:.0f}", most_seconds));
  }
  if (asked.warmup > most_seconds) throw Wrong("--warmup is too long");
  const auto add = [&](double rate, double seconds, bool counted) {
    Step& step = out.steps.emplace_back();
    step.rate = rate;
    step.length = in_nanoseconds(seconds);
    step.counted = counted;
    for (const Stream& stream : out.streams) step.rates.push_back(rate * stream.rate / weights);
  };
  if (asked.warmup > 0) add(rates.front(), asked.warmup, false);
  for (const double rate : rates) add(rate, asked.seconds, true);
}

std::optional<unsigned> cpu_of(const std::string& asked) {
  if (asked == "any") return std::nullopt;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::nullopt;
  if (!asked.empty()) {
    const auto number = parse_decimal(asked);
    if (!number || *number >= CPU_SETSIZE || !CPU_ISSET(*number, &allowed)) {
      throw Wrong(fmt::format("--cpu {}: this process may not run there", asked));
    }
    return static_cast<unsigned>(*number);
  }
  // The last one: what else is started often has the first.
  for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;) {
    if (CPU_ISSET(cpu, &allowed)) return cpu;
  }
  return std::nullopt;
}

Options options_of(const Asked& asked) {
  Options out;
  const Url url = parse_url(asked.url);
  out.target = target_of(asked, url);
  set_streams(out, asked, url);
  set_steps(out, asked);
  if (asked.arrivals != "even" && asked.arrivals != "poisson") {
    throw Wrong("--arrivals is even or poisson");
  }
  out.arrivals = asked.arrivals == "even" ? Arrivals::even : Arrivals::poisson;
  out.seed = asked.seed;
  out.timeout = duration_of("--timeout", asked.timeout);
  if (!asked.good_within.empty()) out.good_within = duration_of("--good-within", asked.good_within);
  out.connections = asked.connections != 0 ? asked.connections : asked.http2 ? 4 : 1000;
  out.places = asked.http2 ? asked.places : 1;
  out.waiting = asked.waiting;
  out.cpu = cpu_of(asked.cpu);
  return out;
}

void define(CLI::App& app, Asked& asked) {
  app.footer(std::string(footer));
  app.set_version_flag("-V,--version", "weir-load " + std::string(release()));
  app.get_formatter()->column_width(30);
  app.add_option("URL", asked.url, "http://HOST[:PORT][/PATH], or https")->required();
  app.add_option("--rates", asked.rates,
                 "Requests a second of all streams, a step for each: N[,N...]");
  app.add_option("--seconds", asked.seconds, "Length of a step [10]");
  app.add_option("--warmup", asked.warmup,
                 "Seconds before, at the first rate, that are not counted");
  app.add_option(
      "--stream", asked.streams,
      "NAME,RATE,METHOD,PATH[,HEADER...], once or more: requests of their own, a second. "
      "With --rates, RATE is the stream's weight");
  app.add_option("--header", asked.headers, "NAME: VALUE, on every request");
  app.add_option("--method", asked.method, "Where there is no --stream [GET]");
  app.add_option("--authority", asked.authority,
                 "What Host and :authority say, instead of the URL's");
  app.add_option("--content", asked.content,
                 "Bytes of content with each POST, PUT, PATCH or DELETE");
  app.add_option("--arrivals", asked.arrivals, "even, or poisson: random gaps [even]");
  app.add_option("--seed", asked.seed, "Of the random gaps [1]");
  app.add_option("--timeout", asked.timeout, "Of a request, from when it was due [10s]");
  app.add_option("--good-within", asked.good_within,
                 "Counts answers with a status below 400 that took no longer as good");
  app.add_flag("--http2", asked.http2, "HTTP/2; without TLS by prior knowledge");
  app.add_option("--connections", asked.connections, "At most [1000; HTTP/2: 4, made at the start]")
      ->check(CLI::Range(1, 65'536));
  app.add_option("--streams-each", asked.places, "HTTP/2: requests at a time on a connection [100]")
      ->check(CLI::Range(1, 1000));
  app.add_option("--waiting", asked.waiting,
                 "Requests that may wait for a connection; others are omitted [65536]")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--cpu", asked.cpu, "The CPU to run on, or any [the last one]");
  app.add_flag("--insecure", asked.insecure, "https: accept any certificate");
  app.add_option("--ca", asked.ca, "https: the file of whom to trust, instead of the system's");
}

}  // namespace

std::optional<Options> read_options(int argc, char** argv, int& exit_code) {
  CLI::App app{std::string(about), "weir-load"};
  Asked asked;
  define(app, asked);
  try {
    app.parse(argc, argv);
    return options_of(asked);
  } catch (const CLI::Success& success) {
    exit_code = app.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "weir-load: {}\n", error.what());
    exit_code = 2;
  } catch (const Wrong& wrong) {
    fmt::print(stderr, "weir-load: {}\n", wrong.what());
    exit_code = 2;
  }
  return std::nullopt;
}

}  // namespace weir::bench
