// Configured changes of a head's fields: remove, then set, then add, values with variables. Built
// at load, then const; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/template_text.hpp"

namespace weir {

class HeaderRewrite {
 public:
  HeaderRewrite() = default;  // changes nothing
  // `path_params` are the names that values may use. Throws std::invalid_argument for what the
  // loader should have refused.
  HeaderRewrite(const config::HeaderChanges& changes, std::vector<std::string> path_params);

  bool empty() const noexcept { return empty_; }
  // Changes `headers`, which may be the request's own. Variables not known yet (the upstream before
  // one is chosen) are empty; path parameters are looked up by name in the exchange's route.
  void apply(HeaderMap& headers, const Request& request, const Exchange& exchange) const {
    apply(headers, request, exchange, exchange.record.upstream());
  }
  // With another value of {upstream}.
  void apply(HeaderMap& headers, const Request& request, const Exchange& exchange,
             std::string_view upstream) const {
    if (!empty()) change(headers, request, exchange, upstream);
  }
  // Some value differs from try to try.
  bool uses_attempt() const noexcept { return !by_attempt_.empty(); }
  // Writes the values that do once more. REQUIRES: apply() was called on `headers`, and nobody has
  // changed fields of these names since.
  void apply_again(HeaderMap& headers, const Request& request, const Exchange& exchange) const;

 private:
  void change(HeaderMap& headers, const Request& request, const Exchange& exchange,
              std::string_view upstream) const;

  class ValueOf;
  using Values = std::vector<std::pair<std::string, TemplateText>>;

  // Names of which a value uses {attempt}.
  std::vector<std::string> names_by_attempt() const;

  Values parse(const std::vector<std::pair<std::string, std::string>>& values) const;

  std::vector<std::string> path_params_;
  std::vector<std::string> remove_;
  Values set_;
  Values add_;
  std::vector<std::string> by_attempt_;
  bool empty_ = true;
};

}  // namespace weir
