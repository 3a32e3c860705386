#include "weir/middleware/header_rewrite.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>

#include "weir/http/variables.hpp"

namespace weir {
namespace {

std::string_view path_param(std::string_view name, const RequestContext& context) {
  const std::span<const std::string> names = context.path_param_names();
  const auto at = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  return at < std::min(names.size(), context.path_params.size()) ? context.path_params[at]
                                                                 : std::string_view();
}

}  // namespace

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

void HeaderRewrite::change(HeaderMap& headers, const Request& request, const Exchange& exchange,
                           std::string_view upstream) const {
  for (const std::string& name : remove_) headers.remove(name);
  Variables variables(request, exchange, upstream);
  const auto lookup = [&](TemplateVariable variable, std::size_t param) {
    // The routes of one middleware may have their parameters in different places.
    return variable == TemplateVariable::path_param
               ? path_param(path_params_[param], exchange.context)
               : variables(variable, param);
  };
  std::string made;
  const auto value_of = [&](const TemplateText& text) -> std::string_view {
    if (text.is_literal()) return text.literal();
    made.clear();
    text.append_to(made, lookup);
    return made;
  };
  for (const auto& [name, text] : set_) headers.set(name, value_of(text));
  for (const auto& [name, text] : add_) headers.add(name, value_of(text));
}

}  // namespace weir
