#include <string>
#include <string_view>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/dns_fields.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

Value address_value(EndpointSpec& endpoint) {
  std::string& target = endpoint.address;
  Value out = text(target, check_endpoint);
  out.read = [&target](const Reader& in) {
    auto written = in.text();
    if (!written || (written->starts_with("unix:") && !in.may_name_files())) return;
    *written = at_folder(std::move(*written), in.context().folder);
    if (Wrong wrong = check_endpoint(*written)) return in.error(std::move(*wrong));
    target = std::move(*written);
  };
  out.schema = [] { return pattern_schema("^(unix:.+|[^/ ]+:[0-9]{1,5})$"); };
  return printed_if([&endpoint] { return endpoint.kind == EndpointKind::address; }, std::move(out));
}

Fields fields(EndpointSpec& endpoint) {
  return {{"address", address_value(endpoint), "IP:port, [IPv6]:port, unix:PATH or NAME:port"},
          {"dns", dns_name_value(endpoint),
           "NAME:port, each of whose addresses is an endpoint; the same as an address NAME:port"},
          {"srv", srv_name_value(endpoint),
           "name of SRV records, as in _http._tcp.NAME, which say hosts, ports and weights"},
          {"family", name_family_value(endpoint),
           "which addresses of a name are used; any: IPv6 while it connects, otherwise IPv4"},
          {"weight", count(endpoint.weight, 0, most_weight), "its part of the traffic; 0: none"},
          {"priority", count(endpoint.priority, 0, most_priority),
           "the lowest takes the traffic; what its healthy endpoints cannot take goes to the next"},
          {"zone", text(endpoint.zone, check_zone),
           "where it is, for zone_aware; endpoints without one are a zone of their own"}};
}

// `off`, or a share above 0.
Value client_share_value(double& target) {
  Value value = share(target);
  const auto print = value.print;
  const auto schema = value.schema;
  value.read = [&target](const Reader& in) {
    const auto written = in.text();
    if (!written) return;
    if (*written == "off" || *written == "false") {
      target = 0;
      return;
    }
    const auto read = parse_share(*written);
    if (read && *read > 0) {
      target = *read;
    } else {
      in.error(in_quotes(*written) + " is neither a share above 0, such as 25%, nor off");
    }
  };
  value.print = [&target, print] { return target == 0 ? Tree("off") : print(); };
  value.schema = [schema] {
    Tree off = Tree::list();
    off.push("off");
    off.push(false);
    Tree any = Tree::list();
    any.push(schema());
    any.push(Tree::map({{"enum", std::move(off)}}));
    return Tree::map({{"anyOf", std::move(any)}});
  };
  return value;
}

Fields fields(Pool& pool) {
  return {{"in_flight", count(pool.in_flight, 1, largest_count),
           "requests to one endpoint at the same time, whole process; see concurrency"},
          {"pending", count(pool.pending, 0, largest_count),
           "requests that wait for a place; past it 503 pool_full; 0: none waits"},
          {"pending_timeout", duration(pool.pending_timeout), "the longest such wait"},
          {"h2_connections", count(pool.h2_connections, 1, 1000),
           "HTTP/2 connections of a worker to one endpoint; another is opened when all streams of "
           "those "
           "there are in use"},
          {"tunnels", count(pool.tunnels, 1, largest_count),
           "upgraded connections to one endpoint; they are not in in_flight"},
          {"client_share", client_share_value(pool.client_share),
           "share of in_flight of all endpoints that one client address may have, its waiting "
           "requests included; past it 503 pool_full; off: no limit"},
          {"connection_age", duration(pool.connection_age, Zero::allowed),
           "a connection carries no further request then, up to a tenth earlier; 0: no limit"},
          {"order",
           choice<PoolOrder>(pool.order,
                             {{"fifo", PoolOrder::fifo}, {"adaptive", PoolOrder::adaptive}}),
           "who waits and is served first: the oldest, or under overload the newest"},
          {"fair", fair_value(pool.fair),
           "by what callers are told apart whose waiting requests are served in turn; null: all "
           "are one"}};
}

// A list of faults, none of them by default.
Value lenient_value(Lenient& lenient) {
  Value out = list_of_words(
      [&lenient](const std::vector<std::size_t>& words) {
        lenient = {};
        for (const std::size_t word : words) {
          (word == 0 ? lenient.bare_lf : lenient.padded_chunk_size) = true;
        }
      },
      [&lenient] {
        std::vector<std::size_t> words;
        if (lenient.bare_lf) words.push_back(0);
        if (lenient.padded_chunk_size) words.push_back(1);
        return words;
      },
      {"bare_lf", "padded_chunk_size"}, {});
  out.read = [&lenient, read = std::move(out.read)](const Reader& in) {
    if (!in.is_list() || in.has_items()) return read(in);
    lenient = {};
  };
  return out;
}

}  // namespace

Value endpoints_value(std::vector<EndpointSpec>& endpoints) {
  Value out = blocks(
      endpoints, [](EndpointSpec& endpoint) { return fields(endpoint); },
      [](const EndpointSpec&, const Reader&) {});
  out.read = [&endpoints](const Reader& in) {
    std::unordered_set<std::string> seen;
    std::uint64_t weights = 0;
    endpoints.clear();
    in.each_item([&](const Reader& item) {
      EndpointSpec& endpoint = endpoints.emplace_back();
      read_endpoint(item, endpoint);
      weights += endpoint.weight;
      if (!endpoint.address.empty() && !seen.insert(source_of(endpoint)).second) {
        item.error("endpoint " + in_quotes(endpoint.address) + " is given twice");
      }
    });
    if (in.is_list() && endpoints.empty()) in.error("must not be empty");
    if (!endpoints.empty() && weights == 0) in.error("one weight at least must be above 0");
  };
  out.schema = [] {
    EndpointSpec sample{};
    return Tree::map({{"type", "array"},
                      {"minItems", std::int64_t{1}},
                      {"items", with_rules(schema_fields(fields(sample)),
                                           {exactly_one({"address", "dns", "srv"})})}});
  };
  return out;
}

// What it is comes from one key alone.
void read_endpoint(const Reader& in, EndpointSpec& endpoint) {
  const Places places = read_fields(in, fields(endpoint));
  int written = 0;
  for (const std::string_view key : {"address", "dns", "srv"}) written += places.has(key) ? 1 : 0;
  if (written > 1) return in.error("write one of `address`, `dns` and `srv`, not several");
  if (written == 0 && in.is_map() && !places.has_unknown()) {
    return in.error(
        "'address' is required (or `dns` or `srv`): IP:port, [IPv6]:port, unix:PATH or NAME:port");
  }
  if (endpoint.family != NameFamily::any && !endpoint.address.empty() && !is_name_of(endpoint)) {
    in.error("`family` is for names: " + in_quotes(endpoint.address) + " is an address");
  }
}

Fields fields(Upstream& upstream) {
  return {
      {"endpoints",
       printed_if([&upstream] { return !upstream.endpoints.empty(); },
                  endpoints_value(upstream.endpoints)),
       endpoints_doc},
      {"endpoints_from", endpoints_from_value(upstream.endpoints_from),
       "a file or keys of etcd that list servers, besides `endpoints` or instead"},
      {"protocol",
       choice<UpstreamProtocol>(upstream.protocol,
                                {{"http1", UpstreamProtocol::http1},
                                 {"h2", UpstreamProtocol::h2},
                                 {"auto", UpstreamProtocol::automatic}},
                                {"h3"}),
       "what is spoken; h2 without tls by prior knowledge; auto is http1 without tls"},
      {"load_balancer", load_balancer_value(upstream.load_balancer),
       "how an endpoint is chosen for a request"},
      {"connect_timeout", duration(upstream.connect_timeout), "longer: 504 connect_timeout"},
      {"idle_timeout", duration(upstream.idle_timeout),
       "of unused connections; keep it below the servers' own"},
      {"response_header_size", size(upstream.response_header_size, Zero::refused, largest_head),
       "status line and fields of an answer; more: 502"},
      {"lenient", lenient_value(upstream.lenient),
       "faults of old servers that are accepted in HTTP/1 answers: bare_lf, padded_chunk_size"},
      {"pool", block(fields(upstream.pool)),
       "how many requests and connections it gets at the same time"},
      {"concurrency", concurrency_value(upstream.concurrency),
       "in place of pool.in_flight, a limit of its own for each endpoint that may follow its "
       "latency; off: pool.in_flight"},
      {"dns", dns_value(upstream.dns), "how the names of its endpoints are looked up"},
      {"tls", tls_value(upstream.tls),
       "TLS to its servers, which are verified; absent: plain text"},
      {"health_check", health_check_value(upstream.health_check),
       "asks its endpoints whether they can serve, and leaves out those that cannot"},
      {"outlier_detection", outlier_detection_value(upstream.outlier_detection),
       "leaves out endpoints for a while whose requests fail"},
      {"circuit_breaker",
       optional_block(upstream.circuit_breaker, [](CircuitBreaker& each) { return fields(each); }),
       "stops sending requests to it while it fails"},
      {"retry_budget", block(fields(upstream.retry_budget)),
       "how many retries it gets at a time, from the whole process"},
      unsupported("etcd"),
      unsupported("consul"),
      unsupported("kubernetes"),
  };
}

}  // namespace weir::config
