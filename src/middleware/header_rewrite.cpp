#include "weir/middleware/header_rewrite.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace weir {
namespace {

std::string_view path_param(std::string_view name, const Exchange& exchange) {
  if (exchange.route == nullptr) return {};
  const std::vector<std::string>& names = exchange.route->match.path_params;
  const auto at = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  return at < std::min(names.size(), exchange.path_params.size()) ? exchange.path_params[at]
                                                                  : std::string_view();
}

}  // namespace

void append_text(std::string& out, const TemplateText& text, const RequestHead& request,
                 const Exchange& exchange, std::span<const std::string> path_params) {
  std::string made;
  text.append_to(out, [&](TemplateVariable variable, std::size_t param) -> std::string_view {
    switch (variable) {
      case TemplateVariable::client_ip:
        made.clear();
        exchange.client_ip.append_to(made);
        return made;
      case TemplateVariable::host:
        return request.host;
      case TemplateVariable::scheme:
        return to_string(request.scheme);
      case TemplateVariable::path:
        return request.path;
      case TemplateVariable::rest:
        return exchange.rest;
      case TemplateVariable::query:
        if (!request.has_query) return {};
        made = '?';
        made += request.query;
        return made;
      case TemplateVariable::request_id:
        return exchange.request_id();
      case TemplateVariable::route:
        return exchange.route != nullptr ? std::string_view(exchange.route->name)
                                         : std::string_view();
      case TemplateVariable::upstream:
        return exchange.upstream;
      case TemplateVariable::path_param:
        return path_param(path_params[param], exchange);
    }
    return {};
  });
}

HeaderRewrite::HeaderRewrite(const config::HeaderChanges& changes,
                             std::vector<std::string> path_params)
    : path_params_(std::move(path_params)),
      remove_(changes.remove),
      set_(parse(changes.set)),
      add_(parse(changes.add)) {}

HeaderRewrite::Values HeaderRewrite::parse(
    const std::vector<std::pair<std::string, std::string>>& values) const {
  Values parsed;
  parsed.reserve(values.size());
  for (const auto& [name, value] : values) {
    auto text = TemplateText::parse(value, path_params_);
    if (!text) throw std::invalid_argument(name + ": " + text.error());
    parsed.emplace_back(name, std::move(*text));
  }
  return parsed;
}

void HeaderRewrite::apply(HeaderMap& headers, const RequestHead& request,
                          const Exchange& exchange) const {
  for (const std::string& name : remove_) headers.remove(name);
  std::string made;
  const auto value_of = [&](const TemplateText& text) -> std::string_view {
    if (text.is_literal()) return text.literal();
    made.clear();
    append_text(made, text, request, exchange, path_params_);
    return made;
  };
  for (const auto& [name, text] : set_) headers.set(name, value_of(text));
  for (const auto& [name, text] : add_) headers.add(name, value_of(text));
}

}  // namespace weir
