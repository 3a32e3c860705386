#include "weir/http/template_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/text.hpp"

namespace weir {
namespace {

// In the order of TemplateVariable.
constexpr std::array<std::string_view, 10> variable_names{
    "client_ip", "host",       "scheme", "path",     "rest",
    "query",     "request_id", "route",  "upstream", "attempt"};
static_assert(variable_names.size() == static_cast<std::size_t>(TemplateVariable::path_param));

constexpr std::size_t longest_name = 64;

bool is_parameter_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '_' || c == '-';
  });
}

std::string unknown_variable(std::string_view name, std::span<const std::string> path_params) {
  if (!is_parameter_name(name))
    return "'{' must be followed by a variable and '}'; write '{{' for a brace";
  std::vector<std::string_view> known(variable_names.begin(), variable_names.end());
  known.insert(known.end(), path_params.begin(), path_params.end());
  std::string message = "unknown variable {" + std::string(name) + "}";
  if (const std::string_view near = nearest(name, known); !near.empty()) {
    message += " (did you mean {" + std::string(near) + "}?)";
  }
  return message;
}

}  // namespace

std::expected<TemplateText, std::string> TemplateText::parse(
    std::string_view text, std::span<const std::string> path_params) {
  TemplateText out;
  Part part;
  while (!text.empty()) {
    const std::size_t brace = text.find_first_of("{}");
    part.literal += text.substr(0, brace);
    if (brace == std::string_view::npos) break;
    const char which = text[brace];
    text.remove_prefix(brace + 1);
    const bool doubled = text.starts_with(which);
    if (doubled || which == '}') {
      part.literal += which;
      text.remove_prefix(doubled ? 1 : 0);
      continue;
    }
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) {
      return std::unexpected("'{' without '}'; write '{{' for a brace");
    }
    const std::string_view name = text.substr(0, close);
    const auto fixed = std::ranges::find(variable_names, name);
    const auto param = std::ranges::find(path_params, name);
    if (fixed != variable_names.end()) {
      part.variable = static_cast<TemplateVariable>(fixed - variable_names.begin());
    } else if (param != path_params.end()) {
      part.variable = TemplateVariable::path_param;
      part.param = static_cast<std::size_t>(param - path_params.begin());
    } else {
      return std::unexpected(unknown_variable(name, path_params));
    }
    part.has_variable = true;
    ++out.variables_;
    out.parts_.push_back(std::exchange(part, Part{}));
    text.remove_prefix(close + 1);
  }
  if (!part.literal.empty()) out.parts_.push_back(std::move(part));
  return out;
}

bool TemplateText::uses(TemplateVariable variable) const noexcept {
  return std::ranges::any_of(parts_, [variable](const Part& part) {
    return part.has_variable && part.variable == variable;
  });
}

bool is_template_variable(std::string_view name) noexcept {
  return std::ranges::find(variable_names, name) != variable_names.end();
}

std::expected<std::vector<std::string>, std::string> path_parameters(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (segment.find_first_of("{}") == std::string_view::npos) continue;
    if (!segment.starts_with('{') || !segment.ends_with('}') || segment.size() < 2) {
      return std::unexpected("a parameter is a whole segment, as in /orders/{id}");
    }
    const std::string_view name = segment.substr(1, segment.size() - 2);
    if (!is_parameter_name(name)) {
      return std::unexpected("a parameter's name is 1 to 64 letters, digits, '_' or '-'");
    }
    if (is_template_variable(name)) {
      return std::unexpected("{" + std::string(name) + "} is the name of a variable");
    }
    if (std::ranges::find(names, name) != names.end()) {
      return std::unexpected("parameter {" + std::string(name) + "} is given twice");
    }
    names.emplace_back(name);
  }
  return names;
}

}  // namespace weir
