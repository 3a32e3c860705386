#include "weir/http/variables.hpp"

namespace weir {

std::string_view Variables::operator()(TemplateVariable variable, std::size_t path_param) {
  const RequestHead& head = request_.head;
  switch (variable) {
    case TemplateVariable::client_ip:
      scratch_.clear();
      exchange_.context.client_ip.append_to(scratch_);
      return scratch_;
    case TemplateVariable::host:
      return head.host;
    case TemplateVariable::scheme:
      return to_string(head.scheme);
    case TemplateVariable::path:
      return head.path;
    case TemplateVariable::rest:
      return exchange_.context.rest;
    case TemplateVariable::query:
      if (!head.has_query) return {};
      scratch_.assign(1, '?').append(head.query);
      return scratch_;
    case TemplateVariable::request_id:
      return exchange_.context.request_id();
    case TemplateVariable::route:
      return exchange_.context.route_name;
    case TemplateVariable::upstream:
      return upstream_;
    case TemplateVariable::attempt:
      // Before the first try begins its fields are written.
      scratch_ = std::to_string(exchange_.record.attempts() == 0 ? 1 : exchange_.record.attempts());
      return scratch_;
    case TemplateVariable::path_param:
      return exchange_.context.path_params[path_param];
  }
  return {};
}

}  // namespace weir
