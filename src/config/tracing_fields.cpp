#include "config/tracing_fields.hpp"

#include <algorithm>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t largest_span_queue = 1'000'000;
constexpr std::size_t most_attributes = 64;
constexpr std::size_t longest_attribute = 1024;

// Its normal form has no '/' at the end, and no "/v1/traces", which is added to it.
Wrong check_otlp_endpoint(std::string& written) {
  const std::size_t scheme = istarts_with(written, "https://")  ? 8
                             : istarts_with(written, "http://") ? 7
                                                                : 0;
  std::string url = written;
  while (url.ends_with('/') && url.size() > scheme) url.pop_back();
  const std::string_view rest = std::string_view(url).substr(scheme);
  const std::string_view host = rest.substr(0, rest.find('/'));
  // curl would take what is behind these for something else.
  const bool is_plain = rest.find_first_of("?#@\\ \t\"'") == std::string_view::npos;
  if (scheme == 0 || host.empty() || !is_plain || check_printable(url)) {
    return in_quotes(written) + " is not http://HOST:PORT or https://HOST:PORT";
  }
  if (url.ends_with("/v1/traces")) {
    return in_quotes(written) + ": leave out /v1/traces, which is added";
  }
  if (host.ends_with(":4317")) {
    return in_quotes(written) + ": 4317 is the port of OTLP over gRPC; over HTTP it is 4318";
  }
  written = std::move(url);
  return std::nullopt;
}

Wrong check_service_name(std::string& written) {
  if (Wrong wrong = check_printable(written)) return wrong;
  if (written.size() > longest_attribute) return "longer than 1024 bytes";
  return std::nullopt;
}

Fields fields(OtlpTls& tls) {
  return {{"ca", file_value(tls.ca),
           "who may have signed the receiver's certificate, PEM; default: the system's"},
          {"cert", file_value(tls.cert), "the gateway's own certificate for it, PEM"},
          {"key", file_value(tls.key), "its private key, PEM, without a passphrase"},
          {"verify", flag(tls.verify), "off: any certificate is accepted"}};
}

Value otlp_tls_value(std::optional<OtlpTls>& tls) {
  Value out = optional_block(tls, [](OtlpTls& one) { return fields(one); });
  out.read = [&tls](const Reader& in) {
    read_fields(in, fields(tls.emplace()));
    if (tls->cert && !tls->key) in.error("'key' is required with 'cert'");
    if (tls->key && !tls->cert) in.error("'cert' is required with 'key'");
    if (!tls->verify && tls->ca) {
      in.warning(WarningName::no_effect, "`ca` does nothing with `verify: off`; remove one");
    }
  };
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {needs("cert", {"key"}), needs("key", {"cert"})});
  };
  return out;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// A mapping of names to texts; `check` looks at a name and its text. What they say is shown, or
// not.
Value pairs_value(Pairs& target, Wrong (*check)(std::string& name, std::string& value),
                  bool is_secret) {
  return {
      .read =
          [&target, check](const Reader& in) {
            target.clear();
            in.each_entry([&](const std::string& key, const Reader& value) {
              std::string name = key;
              auto written = value.text();
              if (!written) return;
              const auto same = [&](const auto& each) { return iequals(each.first, name); };
              if (std::ranges::any_of(target, same)) return value.key_error("is given twice");
              if (target.size() == most_attributes)
                return value.key_error("is the 65th; 64 may be");
              if (Wrong wrong = check(name, *written)) return value.key_error(std::move(*wrong));
              target.emplace_back(std::move(name), std::move(*written));
            });
          },
      .print =
          [&target, is_secret] {
            Tree out = Tree::map();
            for (const auto& [name, value] : target) {
              out.set(name, is_secret ? Tree(redacted) : Tree(value));
            }
            return out;
          },
      .schema =
          [] { return Tree::map({{"type", "object"}, {"additionalProperties", text_schema()}}); }};
}

Wrong check_otlp_header(std::string& name, std::string& value) {
  if (Wrong wrong = check_changeable_field_name(name)) return wrong;
  for (const std::string_view ours : {"content-type", "content-encoding", "user-agent", "expect"}) {
    if (iequals(name, ours)) return in_quotes(name) + " is set by the gateway";
  }
  return check_field_value(value);
}

Wrong check_attribute(std::string& name, std::string& value) {
  if (Wrong wrong = check_printable(name)) return wrong;
  if (name == "service.name") return "write `service` instead";
  if (name.size() > longest_attribute || value.size() > longest_attribute) {
    return "is longer than 1024 bytes";
  }
  return std::nullopt;
}

Fields fields(Otlp& otlp) {
  return {{"endpoint", text(otlp.endpoint, check_otlp_endpoint),
           "http(s)://HOST:PORT of the collector; /v1/traces is added"},
          {"headers", pairs_value(otlp.headers, check_otlp_header, true),
           "of each export, as a token that the collector asks for; never shown"},
          {"tls", otlp_tls_value(otlp.tls), "files for https; absent: the system's authorities"},
          {"timeout", duration(otlp.timeout), "of one export"}};
}

Value otlp_value(Otlp& otlp) {
  Value out = block(fields(otlp));
  out.read = [&otlp, read = std::move(out.read)](const Reader& in) {
    read(in);
    if (otlp.tls && !istarts_with(otlp.endpoint, "https:")) {
      in.warning(WarningName::no_effect, "`tls` does nothing: `endpoint` is not https://");
    }
  };
  return out;
}

Fields keep_fields(Tracing& tracing) {
  return {{"errors", flag(tracing.keep_errors),
           "on: requests that fail (5xx, or cut) are exported, too"},
          {"slower_than", duration(tracing.keep_slower_than, Zero::allowed),
           "requests that take longer are exported, too; 0s: none is slow"}};
}

Value propagate_value(Tracing& tracing) {
  return list_of_words(
      [&tracing](const std::vector<std::size_t>& items) {
        tracing.w3c = std::ranges::find(items, 0U) != items.end();
        tracing.b3 = std::ranges::find(items, 1U) != items.end();
      },
      [&tracing] {
        std::vector<std::size_t> out;
        if (tracing.w3c) out.push_back(0);
        if (tracing.b3) out.push_back(1);
        return out;
      },
      {"w3c", "b3"}, {"jaeger", "xray", "datadog", "ot"});
}

Fields fields(Tracing& tracing) {
  return {{"otlp", otlp_value(tracing.otlp), "where spans go: OTLP over HTTP"},
          {"sample", share(tracing.sample),
           "share of requests that are traced, where no trusted peer has decided"},
          {"keep", block(keep_fields(tracing)),
           "what is exported at a request's end though it was not sampled"},
          {"service", text(tracing.service, check_service_name), "service.name of the gateway"},
          {"propagate", propagate_value(tracing),
           "the fields that say which trace a request belongs to"},
          {"attributes", pairs_value(tracing.attributes, check_attribute, false),
           "of the gateway, as deployment.environment.name"},
          {"queue", count(tracing.queue, 1, largest_span_queue),
           "spans that may wait for the collector; further ones are dropped and counted"}};
}

Fields fields(RouteTracing& tracing) {
  return {{"sample",
           printed_if(
               [&tracing] { return tracing.sample.has_value(); },
               {.read = [&tracing](const Reader& in) { share(tracing.sample.emplace()).read(in); },
                .print =
                    [&tracing] { return tracing.sample ? share(*tracing.sample).print() : Tree(); },
                .schema =
                    [] {
                      double sample = 0;
                      return share(sample).schema();
                    }}),
           "instead of tracing.sample"}};
}

}  // namespace

Value tracing_value(std::optional<Tracing>& tracing) {
  Value out = switchable_block(tracing, [](Tracing& one) { return fields(one); });
  out.print = [&tracing, print = std::move(out.print)] { return tracing ? print() : Tree(); };
  return out;
}

Value route_tracing_value(RouteTracing& tracing) {
  return {.read =
              [&tracing](const Reader& in) {
                tracing = {};
                if (!in.is_text()) return void(read_fields(in, fields(tracing)));
                if (const auto on = in.parse(parse_flag)) tracing.on = *on;
              },
          .print =
              [&tracing] {
                if (!tracing.on) return Tree(false);
                return tracing.sample ? print_fields(fields(tracing)) : Tree();
              },
          .schema =
              [] {
                RouteTracing sample;
                Tree words = Tree::list();
                for (const char* word : {"off", "on"}) words.push(word);
                for (const bool word : {false, true}) words.push(word);
                return any_of({or_variable(Tree::map({{"enum", std::move(words)}})),
                               schema_fields(fields(sample))});
              }};
}

}  // namespace weir::config
