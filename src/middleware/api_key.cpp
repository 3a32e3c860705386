#include <string>
#include <string_view>

#include "middleware/key_table.hpp"
#include "middleware/types.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/middleware/credentials.hpp"

namespace weir {
namespace {

// A key in a field of its own, or as a bearer token where that field is Authorization. It is
// forwarded as it came, as other gateways do; a route that minds removes it.
class ApiKey final : public Middleware {
 public:
  explicit ApiKey(const config::ApiKey& spec)
      : header_(to_lower(spec.header)), bearer_(header_ == "authorization"), keys_(spec.keys) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    HeaderMap& headers = request.head.headers;
    const OfferedKey offered = offered_key(headers, header_);
    if (offered.refusal != Reason::none) {
      co_return refuse(offered.refusal, offered.detail, exchange);
    }
    const auto caller = keys_.find(offered.key);
    if (!caller) co_return refuse(Reason::credentials_invalid, "unknown key", exchange);
    exchange.user = headers.arena().copy(*caller);
    co_return co_await next(request, exchange);
  }

 private:
  Response refuse(Reason reason, std::string_view what, const Exchange& exchange) const {
    Response response = problem(reason, header_ + ": " + std::string(what), exchange.request_id());
    // RFC 6750 has a scheme for tokens in Authorization; for a field of its own none is registered.
    response.head.headers.add(
        FieldId::www_authenticate, "www-authenticate",
        bearer_ ? "Bearer realm=\"weir\"" : "ApiKey realm=\"weir\", header=\"" + header_ + '"');
    return response;
  }

  const std::string header_;
  const bool bearer_;
  const KeyTable keys_;
};

}  // namespace

std::shared_ptr<Middleware> make_api_key(const config::ApiKey& spec) {
  return std::make_shared<ApiKey>(spec);
}

}  // namespace weir
