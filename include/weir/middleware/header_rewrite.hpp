// Configured changes of a head's fields: remove, then set, then add, values with variables. Built
// at load, then const; any thread.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/head.hpp"
#include "weir/http/template_text.hpp"

namespace weir {

// Appends `text` with the values that this request has for its variables; those not known yet (the
// upstream before one is chosen) are empty. Path parameters are looked up by name in the exchange's
// route; `path_params` are the names that `text` was parsed with.
void append_text(std::string& out, const TemplateText& text, const RequestHead& request,
                 const Exchange& exchange, std::span<const std::string> path_params);

class HeaderRewrite {
 public:
  HeaderRewrite() = default;  // changes nothing
  // `path_params` are the names that values may use. Throws std::invalid_argument for what the
  // loader should have refused.
  HeaderRewrite(const config::HeaderChanges& changes, std::vector<std::string> path_params);

  bool empty() const noexcept { return remove_.empty() && set_.empty() && add_.empty(); }
  // Changes `headers`; values come from `request`, which `headers` may belong to.
  void apply(HeaderMap& headers, const RequestHead& request, const Exchange& exchange) const;

 private:
  using Values = std::vector<std::pair<std::string, TemplateText>>;

  Values parse(const std::vector<std::pair<std::string, std::string>>& values) const;

  std::vector<std::string> path_params_;
  std::vector<std::string> remove_;
  Values set_;
  Values add_;
};

}  // namespace weir
