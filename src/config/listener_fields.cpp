#include <algorithm>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/foreign_values.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

// Heads are held in memory, so what one connection may make us hold has an end.

std::optional<BindAddress> read_address(const Reader& in) {
  const auto written = in.text();
  if (!written) return std::nullopt;
  auto address = BindAddress::parse(at_folder(*written, in.context().folder));
  if (!address || written->contains('\0')) {
    in.error(in_quotes(*written) + " is not IP:port, [IPv6]:port or unix:PATH" +
             bind_hint(*written));
    return std::nullopt;
  }
  return address;
}

Value bind_value(Bind& target) {
  return {.read =
              [&target](const Reader& in) {
                std::vector<BindAddress> addresses;
                if (!in.is_list()) {
                  if (auto one = read_address(in)) addresses.push_back(std::move(*one));
                } else if (!in.has_items()) {
                  in.error("at least one address");
                } else {
                  in.each_item([&](const Reader& item) {
                    auto one = read_address(item);
                    if (one && std::ranges::find(addresses, *one) != addresses.end() &&
                        (one->address.is_unix() || one->address.port() != 0)) {
                      return item.error(in_quotes(one->to_string()) + " is given twice");
                    }
                    if (one) addresses.push_back(std::move(*one));
                  });
                }
                target = Bind(std::move(addresses));
              },
          .print =
              [&target] {
                const auto& addresses = target.addresses();
                if (addresses.size() == 1) return Tree(addresses.front().to_string());
                Tree out = Tree::list();
                for (const BindAddress& one : addresses) out.push(Tree(one.to_string()));
                return out;
              },
          .schema = [] { return one_or_more(pattern_schema("^(unix:.+|[^/ ]+:[0-9]{1,5})$")); }};
}

Value protocols_value(Listener& listener) {
  return list_of_words(
      [&listener](const std::vector<std::size_t>& words) {
        listener.protocols = Protocols{.http1 = false};
        for (const std::size_t word : words) {
          (word == 0   ? listener.protocols->http1
           : word == 1 ? listener.protocols->h2
                       : listener.protocols->h2c) = true;
        }
      },
      [&listener] {
        const Protocols spoken = listener.spoken();
        std::vector<std::size_t> words;
        if (spoken.h2) words.push_back(1);
        if (spoken.http1) words.push_back(0);
        if (spoken.h2c) words.push_back(2);
        return words;
      },
      {"http1", "h2", "h2c"}, {"h3"});
}

Fields fields(Limits& limits) {
  return {
      {"uri_size", size(limits.uri_size, Zero::refused, largest_head),
       "longest request target; longer: 414"},
      {"header_size", size(limits.header_size, Zero::refused, largest_head),
       "request line and fields, 32 bytes added for each; more: 431"},
      {"header_count", count(limits.header_count, 1, 10'000), "fields of a request; more: 431"},
      {"header_timeout", duration(limits.header_timeout),
       "from the first byte of a request to the end of its head; longer: 408"},
      {"handshake_timeout", duration(limits.handshake_timeout),
       "for TLS, and for a PROXY header; longer: closed silently"},
      {"idle_timeout", duration(limits.idle_timeout), "of a connection between requests"},
      {"body_idle_timeout", duration(limits.body_idle_timeout),
       "at least 1 KiB of a body must move in each such period"},
      {"body_rate", size(limits.body_rate, Zero::allowed, largest_body),
       "bytes a second of a request's content, on average after 20 s of waiting for it; slower: "
       "408; 0: no limit"},
      {"body_size", size(limits.body_size, Zero::allowed, largest_body),
       "of a request; 0: unlimited; more: 413"},
      {"connections_per_client", count(limits.connections_per_client, 0, largest_count),
       "at the same time from one address (IPv6: /64); 0: unlimited"},
      {"requests_per_connection", count(limits.requests_per_connection, 0, largest_count),
       "then it is closed politely; 0: unlimited"},
      {"connection_age", duration(limits.connection_age, Zero::allowed),
       "closed politely at a request boundary, 10 % earlier or later; 0: unlimited"},
      {"client_half_close",
       choice<HalfClose>(limits.client_half_close,
                         {{"abort", HalfClose::abort}, {"finish", HalfClose::finish}}),
       "a FIN before the answer: abort means the client is gone, finish that it still reads"},
      {"h2_streams", count(limits.h2_streams, 1, 1'000'000),
       "requests open at a time on one HTTP/2 connection"},
      {"underscores",
       choice<Underscores>(limits.underscores, {{"reject", Underscores::reject},
                                                {"drop", Underscores::drop},
                                                {"keep", Underscores::keep}}),
       "field names with '_': reject (400), drop the field, keep it"},
      {"empty_segments",
       choice<EmptySegments>(limits.empty_segments,
                             {{"merge", EmptySegments::merge}, {"keep", EmptySegments::keep}}),
       "'//' in a path: merge to one, keep"},
      {"raw_target_bytes",
       choice<RawTargetBytes>(limits.raw_target_bytes, {{"reject", RawTargetBytes::reject},
                                                        {"encode", RawTargetBytes::encode}}),
       "bytes above 7F in a request target, as of raw UTF-8: reject (400), percent-encode them "
       "before anything looks at it"},
  };
}

}  // namespace

Fields fields(Listener& listener) {
  return {
      {"name", text(listener.name, check_name), "unique among listeners", Need::required},
      {"bind", bind_value(listener.bind),
       "IP:port, [IPv6]:port (IPv6 alone), *:port (both) or unix:PATH, or a list of them; port 0 "
       "takes a free one",
       Need::required},
      {"protocols", protocols_value(listener),
       "what is spoken; h2c is HTTP/2 without TLS, by prior knowledge"},
      {"redirect_https", redirect_https_value(listener.redirect_https),
       "redirects every request to https, before any route: off, on or {port, status}"},
      {"proxy_protocol",
       choice<ProxyProtocol>(listener.proxy_protocol,
                             {{"off", ProxyProtocol::off}, {"required", ProxyProtocol::required}}),
       "required: a PROXY header (v1 or v2) of a trusted proxy comes first"},
      {"limits", block(fields(listener.limits)), "of requests and connections"},
      {"tls", tls_value(listener.tls), "what is spoken inside TLS; absent: plain"},
      unsupported("http3"),
  };
}

}  // namespace weir::config
