#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/route_checks.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

// nginx's variables and what says the same here; "" for nothing.
struct Foreign {
  std::string_view name;
  std::string_view own;
};
constexpr std::array<Foreign, 14> foreign{{{"host", "{host}"},
                                           {"http_host", "{host}"},
                                           {"server_name", "{host}"},
                                           {"scheme", "{scheme}"},
                                           {"request_uri", "{path}{query}"},
                                           {"uri", "{path}"},
                                           {"document_uri", "{path}"},
                                           {"args", "{query}"},
                                           {"query_string", "{query}"},
                                           {"is_args", "{query}"},
                                           {"remote_addr", "{client_ip}"},
                                           {"request_id", "{request_id}"},
                                           {"proxy_host", "{upstream}"},
                                           {"request_method", ""}}};

bool is_name_part(char c) noexcept { return is_alpha(c) || is_digit(c) || c == '_'; }

// The braces of a template's own text.
struct Braces {
  std::size_t open = 0;
  std::size_t close = 0;
  bool doubled_close = false;
};

Braces braces_of(std::string_view text) {
  Braces out;
  while (true) {
    const std::size_t brace = text.find_first_of("{}");
    if (brace == std::string_view::npos) return out;
    const char which = text[brace];
    text.remove_prefix(brace + 1);
    const bool doubled = text.starts_with(which);
    if (which == '}') {
      ++out.close;
      out.doubled_close = out.doubled_close || doubled;
    } else if (doubled) {
      ++out.open;
    } else {
      text.remove_prefix(text.find('}'));  // a variable
    }
    if (doubled || which == '{') text.remove_prefix(1);
  }
}

}  // namespace

std::expected<TemplateText, std::string> parse_template(const Written& written,
                                                        std::span<const std::string> path_params) {
  auto parsed = TemplateText::parse(written.text, path_params);
  const bool of_requests =
      written.path.starts_with("defaults.request_headers.") ||
      (written.path.starts_with("routes[") && written.path.contains("].request_headers."));
  if (parsed && !of_requests && parsed->uses(TemplateVariable::attempt)) {
    return std::unexpected(
        "{attempt} is for `request_headers` of a route or of `defaults`: there are no tries to "
        "count elsewhere");
  }
  return parsed;
}

void warn_of_foreign_template(const Written& written, Problems& problems) {
  // A fixed body may well speak of dollars, or be a script.
  const bool prose = written.path.ends_with(".respond.body");
  const std::string_view text = written.text;
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    const std::string_view behind = text.substr(at + 1);
    const auto end = std::ranges::find_if_not(behind, is_name_part) - behind.begin();
    const std::string_view name = behind.substr(0, static_cast<std::size_t>(end));
    if (name.empty()) continue;
    const auto known = std::ranges::find(foreign, name, &Foreign::name);
    if (known == foreign.end() && prose) continue;
    const std::string_view own = known == foreign.end() ? std::string_view() : known->own;
    problems.warning(WarningName::foreign_variable, written.place, written.path,
                     fmt::format("'${}' is plain text here: variables are written {}", name,
                                 own.empty() ? "{name}" : own));
  }
  const Braces braces = braces_of(text);
  if (braces.doubled_close && braces.open > braces.close) {
    problems.warning(WarningName::doubled_brace, written.place, written.path,
                     fmt::format("'}}}}' is one '}}': the text has {} '{{' and {} '}}'",
                                 braces.open, braces.close));
  }
}

}  // namespace weir::config
