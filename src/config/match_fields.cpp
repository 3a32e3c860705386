#include <algorithm>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/http/template_text.hpp"

namespace weir::config {
namespace {

Wrong check_prefix(std::string& path) {
  if (path.find_first_of("{}") != std::string::npos) {
    return "a prefix has no parameters; they belong in `path`";
  }
  return check_path(path);
}

Wrong check_regex(std::string& path) {
  return path.empty() ? Wrong("must not be empty") : std::nullopt;
}

// Reports what is wrong with an expression, where there is somebody who knows.
bool check_expression(const Reader& in, const std::string& written) {
  const auto& check = in.context().checks.regex;
  std::string fault = check ? check(written) : "";
  if (fault.empty()) return true;
  in.error(std::move(fault));
  return false;
}

void read_path(const Reader& in, Match& match, PathKind kind, Check check) {
  if (match.path_kind != PathKind::any) {
    return in.key_error(
        "`path`, `path_prefix` and `path_regex` exclude each other; write one of them");
  }
  auto written = in.text();
  if (!written) return;
  match.path_kind = kind;
  match.path_place = in.place();
  if (Wrong wrong = check(*written)) return in.error(std::move(*wrong));
  if (kind == PathKind::regex && !check_expression(in, *written)) return;
  if (kind == PathKind::exact) {
    auto parameters = path_parameters(*written);
    if (!parameters) return in.error(std::move(parameters.error()));
    match.path_params = std::move(*parameters);
  }
  match.path = std::move(*written);
}

Value path_value(Match& match, PathKind kind, Check check) {
  return {
      .read = [&match, kind, check](const Reader& in) { read_path(in, match, kind, check); },
      .print = [&match, kind] { return match.path_kind == kind ? Tree(match.path) : Tree(); },
      .schema = [kind] { return kind == PathKind::regex ? text_schema() : pattern_schema("^/"); }};
}

void read_condition(const Reader& in, ValueMatch& out) {
  out.place = in.place();
  if (!in.is_map()) {
    auto written = in.text();
    if (!written) return;
    if (Wrong wrong = check_field_value(*written)) return in.error(std::move(*wrong));
    out.value = std::move(*written);
    return;
  }
  std::size_t keys = 0;
  in.each_entry([&](const std::string& key, const Reader& value) {
    if (++keys > 1)
      return value.key_error("`regex` and `present` exclude each other; write one of them");
    if (key == "regex") {
      out.kind = ValueMatch::Kind::regex;
      out.place = value.place();
      auto written = value.text();
      if (written && check_expression(value, *written)) out.value = std::move(*written);
    } else if (key == "present") {
      const auto present = value.parse(parse_flag);
      out.kind = present.value_or(true) ? ValueMatch::Kind::present : ValueMatch::Kind::absent;
    } else {
      constexpr std::string_view known[]{"regex", "present"};
      value.key_error("unknown key " + in_quotes(key) +
                      in.context().problems.did_you_mean(key, known));
    }
  });
  if (keys == 0) in.error("write a value, {regex: ...} or {present: true}");
}

Tree print_condition(const ValueMatch& condition) {
  const Tree value = is_secret_name(condition.name) ? Tree(redacted) : Tree(condition.value);
  switch (condition.kind) {
    case ValueMatch::Kind::equals:
      return value;
    case ValueMatch::Kind::regex:
      return Tree::map({{"regex", value}});
    case ValueMatch::Kind::present:
      return Tree::map({{"present", true}});
    case ValueMatch::Kind::absent:
      return Tree::map({{"present", false}});
  }
  return {};
}

Tree condition_schema() {
  bool present = true;
  Tree regex = text_schema();
  regex.set("description", "RE2 expression for the whole value");
  Tree is_there = flag(present).schema();
  is_there.set("description", "on: it is there, with any value; off: it is not");
  Tree properties = Tree::map();
  properties.set("regex", std::move(regex));
  properties.set("present", std::move(is_there));
  Tree object = Tree::map({{"type", "object"},
                           {"additionalProperties", false},
                           {"minProperties", std::int64_t{1}},
                           {"maxProperties", std::int64_t{1}}});
  object.set("properties", std::move(properties));
  Tree any = Tree::list();
  any.push(text_schema());
  any.push(std::move(object));
  return Tree::map({{"anyOf", std::move(any)}});
}

}  // namespace

Value conditions(std::vector<ValueMatch>& target, Check check) {
  return {
      .read =
          [&target, check](const Reader& in) {
            target.clear();
            in.each_entry([&](const std::string& key, const Reader& value) {
              ValueMatch condition;
              condition.name = key;
              if (Wrong wrong = check(condition.name)) return value.key_error(std::move(*wrong));
              read_condition(value, condition);
              target.push_back(std::move(condition));
            });
          },
      .print =
          [&target] {
            Tree out = Tree::map();
            for (const ValueMatch& each : target) out.set(each.name, print_condition(each));
            return out;
          },
      .schema =
          [] {
            return Tree::map({{"type", "object"}, {"additionalProperties", condition_schema()}});
          }};
}

Fields match_fields(Match& match, std::vector<Written>& listeners) {
  return {
      {"host", texts(match.hosts, check_host_pattern),
       "a name or a list; *.example.com for one or more labels; default: any"},
      {"path", path_value(match, PathKind::exact, check_path),
       "the whole path, with {parameters} for segments"},
      {"path_prefix", path_value(match, PathKind::prefix, check_prefix),
       "the first segments of the path"},
      {"path_regex", path_value(match, PathKind::regex, check_regex),
       "RE2 expression for the whole path"},
      {"methods", texts(match.methods, check_method), "default: any; GET includes HEAD"},
      {"headers", conditions(match.headers, check_field_name),
       "value, {regex: ...} or {present: true or false}; any line of a repeated field may match"},
      {"query", conditions(match.query, check_printable),
       "the same for query parameters; the first occurrence counts, percent-decoded"},
      {"listeners", references(match.listeners, listeners), "default: all"},
      {"scheme",
       printed_if([&match] { return !match.scheme.empty(); },
                  choice<std::string>(match.scheme, {{"http", "http"}, {"https", "https"}})),
       "default: both"},
  };
}

}  // namespace weir::config
