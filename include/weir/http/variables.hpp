// What the {variables} of a template stand for in one exchange. Worker thread; borrows both.
#pragma once

#include <string>
#include <string_view>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/template_text.hpp"

namespace weir {

class Variables {
 public:
  Variables(const Request& request, const Exchange& exchange) noexcept
      : Variables(request, exchange, exchange.record.upstream()) {}
  // With another value of {upstream} than the exchange's.
  Variables(const Request& request, const Exchange& exchange, std::string_view upstream) noexcept
      : request_(request), exchange_(exchange), upstream_(upstream) {}

  // Valid until the next call.
  std::string_view operator()(TemplateVariable variable, std::size_t path_param);

  std::string expand(const TemplateText& text) {
    std::string out;
    text.append_to(out, *this);
    return out;
  }

 private:
  const Request& request_;
  const Exchange& exchange_;
  const std::string_view upstream_;
  std::string scratch_;
};

}  // namespace weir
