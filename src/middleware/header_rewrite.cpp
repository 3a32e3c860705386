#include "weir/middleware/header_rewrite.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>

#include "weir/base/text.hpp"
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
      add_(parse(changes.add)),
      by_attempt_(names_by_attempt()),
      empty_(remove_.empty() && set_.empty() && add_.empty()) {}

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

std::vector<std::string> HeaderRewrite::names_by_attempt() const {
  std::vector<std::string> out;
  for (const Values* values : {&set_, &add_}) {
    for (const auto& [name, text] : *values) {
      const auto same = [&](const std::string& known) { return iequals(known, name); };
      if (text.uses(TemplateVariable::attempt) && std::ranges::none_of(out, same)) {
        out.push_back(name);
      }
    }
  }
  return out;
}

// Makes the values of one exchange.
class HeaderRewrite::ValueOf {
 public:
  ValueOf(const HeaderRewrite& rewrite, const Request& request, const Exchange& exchange,
          std::string_view upstream)
      : rewrite_(rewrite), exchange_(exchange), variables_(request, exchange, upstream) {}

  // Valid until the next call.
  std::string_view operator()(const TemplateText& text) {
    if (text.is_literal()) return text.literal();
    made_.clear();
    text.append_to(made_, [this](TemplateVariable variable, std::size_t param) {
      // The routes of one middleware may have their parameters in different places.
      return variable == TemplateVariable::path_param
                 ? path_param(rewrite_.path_params_[param], exchange_.context)
                 : variables_(variable, param);
    });
    return made_;
  }

 private:
  const HeaderRewrite& rewrite_;
  const Exchange& exchange_;
  Variables variables_;
  std::string made_;
};

void HeaderRewrite::change(HeaderMap& headers, const Request& request, const Exchange& exchange,
                           std::string_view upstream) const {
  for (const std::string& name : remove_) headers.remove(name);
  ValueOf value_of(*this, request, exchange, upstream);
  for (const auto& [name, text] : set_) headers.set(name, value_of(text));
  for (const auto& [name, text] : add_) headers.add(name, value_of(text));
}

void HeaderRewrite::apply_again(HeaderMap& headers, const Request& request,
                                const Exchange& exchange) const {
  ValueOf value_of(*this, request, exchange, exchange.record.upstream());
  for (const std::string& name : by_attempt_) {
    const auto is_it = [&](std::string_view other) { return iequals(other, name); };
    const auto of_name = [&](const auto& each) { return is_it(each.first); };
    // Those that were added are the last ones.
    const auto added = static_cast<std::size_t>(std::ranges::count_if(add_, of_name));
    auto others = static_cast<std::size_t>(std::ranges::count_if(
        headers, [&](const HeaderMap::Field& field) { return is_it(field.name); }));
    others -= std::min(added, others);
    headers.remove_if([&](const HeaderMap::Field& field) {
      if (!is_it(field.name)) return false;
      if (others == 0) return true;
      --others;
      return false;
    });
    for (const auto& [own, text] : set_) {
      if (is_it(own)) headers.set(own, value_of(text));
    }
    for (const auto& [own, text] : add_) {
      if (is_it(own)) headers.add(own, value_of(text));
    }
  }
}

}  // namespace weir
