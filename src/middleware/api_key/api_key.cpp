#include "middleware/api_key/api_key.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "middleware/api_key/key_table.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"

namespace weir {
namespace {

// Whose key a request carries, or why it is refused, with a few words for the problem's detail.
struct KeyHolder {
  Reason refusal = Reason::none;
  std::string_view detail = {};
  std::string_view name = {};  // as long as the table; "" if the file has none
};

// Looks for the key in the field `header` (lower case); in Authorization it is a bearer token.
KeyHolder find_key_holder(const HeaderMap& headers, std::string_view header, const KeyTable& keys) {
  std::size_t lines = 0;
  std::string_view sent;
  for (const HeaderMap::Field& field : headers) {
    if (!iequals(field.name, header)) continue;
    ++lines;
    sent = trim(field.value);
  }
  constexpr std::string_view scheme = "bearer ";
  if (lines == 1 && header == "authorization") {
    sent = istarts_with(sent, scheme) ? trim(sent.substr(scheme.size())) : std::string_view();
  }
  if (lines == 0 || (lines == 1 && sent.empty())) {
    return {.refusal = Reason::credentials_missing, .detail = "the key is missing"};
  }
  if (lines > 1) {
    return {.refusal = Reason::credentials_invalid, .detail = "more than one key was sent"};
  }
  const auto name = keys.find(sent);
  if (!name) return {.refusal = Reason::credentials_invalid, .detail = "unknown key"};
  return {.name = *name};
}

// A key in a field of its own, or as a bearer token where that field is Authorization. It is
// forwarded as it came, as other gateways do; a route that minds removes it.
class ApiKey final : public Middleware {
 public:
  explicit ApiKey(const config::ApiKey& spec)
      : header_(to_lower(spec.header)), bearer_(header_ == "authorization"), keys_(spec.keys) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    HeaderMap& headers = request.head.headers;
    const KeyHolder caller = find_key_holder(headers, header_, keys_);
    if (caller.refusal != Reason::none) co_return refuse(caller.refusal, caller.detail, exchange);
    exchange.decisions.user = headers.arena().copy(caller.name);
    co_return co_await next(request, exchange);
  }

 private:
  Response refuse(Reason reason, std::string_view what, const Exchange& exchange) const {
    Response response =
        problem(reason, header_ + ": " + std::string(what), exchange.context.request_id());
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

std::shared_ptr<Middleware> make_api_key(const config::ApiKey& spec, const Making&) {
  return std::make_shared<ApiKey>(spec);
}

Explained explain_api_key(const config::ApiKey& spec, Explaining& asked) {
  const KeyTable keys(spec.keys);
  HeaderMap& headers = asked.request.head.headers;
  const KeyHolder caller = find_key_holder(headers, to_lower(spec.header), keys);
  if (caller.refusal != Reason::none) {
    return explain_refusal("api_key in " + spec.header, caller.refusal, caller.detail);
  }
  asked.exchange.decisions.user = headers.arena().copy(caller.name);
  return {.text =
              fmt::format("api_key: the key in {} is one of {}", spec.header, spec.keys.size())};
}

}  // namespace weir
