#include <algorithm>
#include <memory>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "config/tracing_fields.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t largest_weight = 1'000'000;

// A text with variables.
Value template_text(std::string& target, Check check, std::vector<Written>& templates) {
  Value out = text(target, check);
  out.read = [&target, &templates, check](const Reader& in) {
    auto written = in.text();
    if (!written) return;
    if (Wrong wrong = check(*written)) return in.error(std::move(*wrong));
    templates.push_back(in.written(*written));
    target = std::move(*written);
  };
  return out;
}

Wrong check_target(std::string& written, std::string_view forbidden) {
  for (const char c : written) {
    if (static_cast<unsigned char>(c) < 0x21 || static_cast<unsigned char>(c) > 0x7E) {
      return in_quotes(written) + ": write spaces and bytes outside ASCII percent-encoded";
    }
    if (forbidden.contains(c))
      return in_quotes(written) + ": there is no " + in_quotes({&c, 1}) + " here";
  }
  return std::nullopt;
}

Wrong check_rewrite_path(std::string& written) {
  if (!written.starts_with('/') && !written.starts_with('{')) {
    return in_quotes(written) + " must start with '/'";
  }
  return check_target(written, "?#\\");
}

Wrong check_rewrite_host(std::string& written) {
  if (written.empty()) return "must not be empty";
  return check_target(written, "/?#\\@,");
}

Wrong check_redirect(std::string& written) {
  const bool starts_well = written.starts_with('/') || written.starts_with('{') ||
                           written.starts_with("http://") || written.starts_with("https://");
  if (!starts_well)
    return in_quotes(written) + " must start with '/', http://, https:// or a variable";
  return check_target(written, "\\");
}

Fields rewrite_fields(Rewrite& rewrite, RouteDraft& route) {
  const auto excludes = [](Value value, bool Rewrite::* other_has, std::string Rewrite::* other,
                           Rewrite& target) {
    value.read = [read = std::move(value.read), &target, other_has, other](const Reader& in) {
      if ((other_has != nullptr && target.*other_has) ||
          (other != nullptr && !(target.*other).empty())) {
        return in.key_error("`path` and `prefix` exclude each other; write one of them");
      }
      read(in);
    };
    return value;
  };
  Value path = excludes(template_text(rewrite.path, check_rewrite_path, route.templates),
                        &Rewrite::has_prefix, nullptr, rewrite);
  Value prefix = excludes(template_text(rewrite.prefix, check_rewrite_path, route.templates),
                          nullptr, &Rewrite::path, rewrite);
  prefix.read = [&rewrite, &route, read = std::move(prefix.read)](const Reader& in) {
    read(in);
    rewrite.has_prefix = true;
    route.rewrite_prefix = in.written(rewrite.prefix);
  };
  return {{"path", printed_if([&rewrite] { return !rewrite.path.empty(); }, path),
           "the new path, with variables"},
          {"prefix", printed_if([&rewrite] { return rewrite.has_prefix; }, prefix),
           "replaces the matched path_prefix"},
          {"host",
           printed_if([&rewrite] { return !rewrite.host.empty(); },
                      template_text(rewrite.host, check_rewrite_host, route.templates)),
           "the Host that the upstream sees; default: the client's"}};
}

Value match_value(RouteDraft& draft) {
  Value out = block(match_fields(draft.route.match, draft.listeners));
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {at_most_one({"path", "path_prefix", "path_regex"})});
  };
  return out;
}

Value rewrite_value(RouteDraft& draft) {
  Value out = optional_block(draft.route.rewrite,
                             [&draft](Rewrite& each) { return rewrite_fields(each, draft); });
  out.schema = [schema = std::move(out.schema)] {
    return with_rules(schema(), {at_most_one({"path", "prefix"})});
  };
  return out;
}

Fields redirect_fields(Redirect& redirect, std::vector<Written>& templates) {
  return {{"status", redirect_status(redirect.status), "301, 302, 303, 307 or 308"},
          {"to", template_text(redirect.to, check_redirect, templates),
           "URL or path with variables", Need::required}};
}

// The table of one share; names go to `upstreams`.
auto share_fields(std::vector<Written>& upstreams) {
  return [&upstreams](SplitShare& share) -> Fields {
    return {{"upstream", reference(share.upstream, upstreams), "its name", Need::required},
            {"weight", count(share.weight, 0, largest_weight), "its part of the sum"}};
  };
}

Value shares(Split& split, std::vector<Written>& upstreams) {
  const auto seen = std::make_shared<std::unordered_set<std::string>>();
  return blocks(split, share_fields(upstreams),
                [seen](const SplitShare& share, const Reader& item) {
                  if (!share.upstream.empty() && !seen->insert(share.upstream).second) {
                    item.error("upstream " + in_quotes(share.upstream) + " is given twice");
                  }
                });
}

void read_split(const Reader& in, RouteDraft& route) {
  Split& split = route.split.emplace();
  shares(split, route.upstreams).read(in);
  std::uint64_t sum = 0;
  for (const SplitShare& share : split) sum += share.weight;
  if (!split.empty() && sum == 0) in.error("the sum of the weights must be above 0");
}

Value split_value(RouteDraft& route) {
  return {
      .read = [&route](const Reader& in) { read_split(in, route); },
      .print =
          [&route] { return route.split ? shares(*route.split, route.upstreams).print() : Tree(); },
      .schema =
          [] {
            Split sample;
            std::vector<Written> unused;
            return shares(sample, unused).schema();
          }};
}

Value upstream_value(RouteDraft& route) {
  return {.read =
              [&route](const Reader& in) {
                reference(route.upstream.emplace(), route.upstreams).read(in);
              },
          .print = [&route] { return route.upstream ? Tree(*route.upstream) : Tree(); },
          .schema = name_schema};
}

Fields mirror_fields(Mirror& mirror, std::vector<Written>& upstreams) {
  return {{"upstream", reference(mirror.upstream, upstreams), "where copies go", Need::required},
          {"sample", share(mirror.sample), "share of the requests that are copied"}};
}

Fields delay_fields(Fault::Delay& delay) {
  return {{"share", share(delay.share), "of the requests"},
          {"time", duration(delay.time, Zero::allowed), "how long they wait"}};
}
Fields abort_fields(Fault::Abort& abort) {
  return {{"share", share(abort.share), "of the requests"},
          {"status", count(abort.status, 200, 599), "the status of their answer"}};
}
Fields fault_fields(Fault& fault) {
  return {{"delay", optional_block(fault.delay, delay_fields), "requests that are delayed"},
          {"abort", optional_block(fault.abort, abort_fields),
           "requests that are answered instead of forwarded"}};
}

// A fault of which neither part is written has both.
Value fault_value(std::optional<Fault>& target) {
  Value out = optional_block(target, fault_fields);
  out.read = [&target, read = std::move(out.read)](const Reader& in) {
    read(in);
    if (!target->delay && !target->abort) {
      target->delay.emplace(Fault::Delay{});
      target->abort.emplace(Fault::Abort{});
    }
  };
  return out;
}

Value middleware_list(std::vector<MiddlewareUse>& target) {
  return {.read =
              [&target](const Reader& in) {
                target.clear();
                in.each_item_or_text([&](const Reader& item) {
                  MiddlewareUse use;
                  use.name = item.written("");
                  if (item.is_map()) {
                    use.spec = read_middleware(item, use.templates);
                    use.is_unread = !use.spec;
                  } else if (auto written = item.text()) {
                    use.name.text = std::move(*written);
                  } else {
                    return;
                  }
                  target.push_back(std::move(use));
                });
              },
          .print =
              [&target] {
                Tree out = Tree::list();
                for (const MiddlewareUse& use : target) {
                  out.push(use.spec ? print_middleware(*use.spec) : Tree(use.name.text));
                }
                return out;
              },
          .schema =
              [] {
                const Tree one =
                    any_of({name_schema(), Tree::map({{"$ref", "#/$defs/middleware"}})});
                return any_of({name_schema(), Tree::map({{"type", "array"}, {"items", one}})});
              }};
}

Wrong check_upgrade(std::string& written) {
  if (written == "websocket") return std::nullopt;
  return not_supported(written) + "; write websocket";
}

// What `defaults` has, too.
Fields common_fields(RouteDraft& draft) {
  Route& route = draft.route;
  return {
      {"middleware", middleware_list(draft.middleware),
       "names, or mappings with one type; outermost first"},
      {"request_headers", block(fields(route.request_headers, draft.templates)),
       "changes before the upstream"},
      {"response_headers", block(fields(route.response_headers, draft.templates)),
       "changes before the client"},
      {"encoded_slashes",
       choice<EncodedSlashes>(route.encoded_slashes,
                              {{"reject", EncodedSlashes::reject}, {"keep", EncodedSlashes::keep}}),
       "%2F and %5C in a path: reject (400), or keep as they came"},
      {"timeout", duration(route.timeout, Zero::allowed),
       "from the request's head to the answer's head, without the time in which the body arrives; "
       "longer: 504; 0: none"},
      {"stream_idle_timeout", duration(route.stream_idle_timeout, Zero::allowed),
       "after the answer's head: the longest time without a byte in either direction; 0: none"},
      {"retry", retry_value(route),
       "sends a request again that failed; off: a failed connect goes to no other endpoint, "
       "either"},
  };
}

}  // namespace

Fields fields(Respond& respond, std::vector<Written>& templates) {
  return {{"status", count(respond.status, 200, 599), "200 to 599"},
          {"body", template_text(respond.body, check_any, templates), "text with variables"},
          {"headers", field_values(respond.headers, templates), "fields of the answer"}};
}

Fields defaults_fields(RouteDraft& defaults) { return common_fields(defaults); }

Fields route_fields(RouteDraft& draft) {
  Route& route = draft.route;
  Fields out{
      {"name", text(route.name, check_name), "unique among routes", Need::required},
      {"match", match_value(draft),
       "the conditions that a request must meet; {} matches every request", Need::required},
      {"without", printed_if([] { return false; }, references(draft.without_names, draft.without)),
       "names in defaults.middleware to leave out"},
      {"rewrite", rewrite_value(draft),
       "the path and the Host that the upstream gets instead; the query is kept"},
      {"upstream", upstream_value(draft), "where requests go"},
      {"split", split_value(draft), "where requests go, by weight"},
      {"sticky", sticky_value(draft.sticky), "a caller stays with its upstream of the split"},
      {"override",
       optional_block(
           draft.by_header,
           [&draft](SplitByHeader& each) { return fields(each, draft.header_upstreams); }),
       "a request header that chooses the upstream of the split, whatever the weights are"},
      {"redirect",
       optional_block(draft.redirect,
                      [&draft](Redirect& each) { return redirect_fields(each, draft.templates); }),
       "answers with a redirect"},
      {"respond",
       optional_block(draft.respond,
                      [&draft](Respond& each) { return fields(each, draft.templates); }),
       "answers with a fixed answer"},
      {"max_duration", duration(route.max_duration, Zero::allowed),
       "the longest time that the whole request may take; 0: no limit"},
      {"priority",
       choice<Priority>(route.priority, {{"critical", Priority::critical},
                                         {"high", Priority::high},
                                         {"normal", Priority::normal},
                                         {"low", Priority::low}}),
       "when there is too much, low is refused first and critical never (load_shed, "
       "circuit_breaker.shed)"},
      {"upgrades", texts(route.upgrades, check_upgrade), "websocket: WebSockets may pass"},
      {"mirror",
       optional_block(route.mirror,
                      [&draft](Mirror& each) { return mirror_fields(each, draft.upstreams); }),
       "copies of requests to another upstream, whose answers are dropped"},
      {"fault", fault_value(route.fault), "failures on purpose; {}: both"},
      {"hedge", optional_block(route.hedge, [](Hedge& hedge) { return fields(hedge); }),
       "a second try at another endpoint where the first one's head takes long"},
      {"fallback", fallback_value(draft),
       "who answers in place of the upstream when that fails: another upstream or a fixed answer"},
      {"tracing", route_tracing_value(route.tracing),
       "off: no spans of its requests; {sample: SHARE}: another share of them"},
      {"access_log", flag(route.access_log), "off: no line of its requests, whatever they come to"},
  };
  for (Field& field : common_fields(draft)) out.push_back(std::move(field));
  return out;
}

}  // namespace weir::config
