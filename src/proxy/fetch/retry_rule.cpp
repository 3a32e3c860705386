#include "proxy/fetch/retry_rule.hpp"

#include <algorithm>

#include "weir/proxy/retried_methods.hpp"

namespace weir::proxy {

RetryRule::RetryRule(const config::Retry& retry)
    : retries(retry.retries),
      connect(retry.conditions.connect),
      reset(retry.conditions.reset),
      timeout(retry.conditions.timeout),
      all_methods(retry.methods.all),
      idempotent(retry.methods.idempotent),
      idempotency_key(retry.idempotency_key),
      try_timeout(retry.try_timeout),
      max_body(retry.max_body),
      backoff_base(retry.backoff.base),
      backoff_max(retry.backoff.max) {
  for (const std::uint16_t status : retry.conditions.statuses) {
    statuses.set(static_cast<std::size_t>(status) - 400);
  }
  for (const std::uint8_t code : retry.conditions.grpc) grpc.set(code);
  for (const std::string& text : retry.methods.listed) {
    const Method method = parse_method(text);
    if (method == Method::other) {
      other_methods.push_back(text);
    } else {
      methods.set(static_cast<std::size_t>(method));
      // As in a route's match.
      if (method == Method::get) methods.set(static_cast<std::size_t>(Method::head));
    }
  }
}

bool RetryRule::allows(const RequestHead& head) const noexcept {
  if (all_methods || methods[static_cast<std::size_t>(head.method)]) return true;
  if (idempotent && is_idempotent(head.method)) return true;
  if (head.method == Method::other &&
      std::ranges::find(other_methods, head.method_text) != other_methods.end()) {
    return true;
  }
  return idempotency_key && head.headers.contains(std::string_view("idempotency-key"));
}

bool may_be_retried(const config::Retry& retry, const RequestHead& head) {
  return RetryRule(retry).allows(head);
}

}  // namespace weir::proxy
