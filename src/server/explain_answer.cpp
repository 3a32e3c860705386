#include "server/explain_answer.hpp"

#include <ranges>

#include "weir/middleware/header_rewrite.hpp"

namespace weir::server {

Decision::Fields fields_of(const HeaderMap& headers) {
  Decision::Fields out;
  for (const HeaderMap::Field& field : headers) {
    if (field.id == FieldId::content_length) continue;
    out.emplace_back(field.name, field.value);
  }
  return out;
}

Decision::Fields ExplainedAnswer::fields(HeaderMap& answer, const config::Config& config,
                                         const config::Route* route, const Request& request,
                                         const Exchange& exchange) const {
  for (const auto& change : std::views::reverse(changes_)) change(answer);
  if (route != nullptr) {
    HeaderRewrite(route->response_headers, route->match.path_params)
        .apply(answer, request, exchange);
  }
  const auto& tls = config.listeners[exchange.context.connection.listener].tls;
  if (tls && tls->hsts) {
    answer.remove("strict-transport-security");
    answer.add("Strict-Transport-Security", tls->hsts->field_value());
  }
  return fields_of(answer);
}

}  // namespace weir::server
