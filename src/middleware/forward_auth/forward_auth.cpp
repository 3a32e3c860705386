#include "middleware/forward_auth/forward_auth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/forwarded.hpp"

namespace weir {
namespace {

// Of a refusal's content, which goes on to the client; longer content is left out.
constexpr std::size_t most_refusal = 64 * 1024;

// What is about the request's content or the client's copy of the answer, not about the client: a
// server that is asked by GET would answer something else for it.
constexpr std::array<std::string_view, 8> not_asked{"content-length", "expect",
                                                    "range",          "if-match",
                                                    "if-none-match",  "if-modified-since",
                                                    "if-range",       "if-unmodified-since"};

// Asks a server of the operator's about each request (nginx's auth_request, Traefik's forwardAuth).
// It sees the path as it is matched and forwarded, before a rewrite, so that the two cannot
// disagree about what is asked for.
class ForwardAuth final : public Middleware {
 public:
  ForwardAuth(const config::ForwardAuth& spec, std::shared_ptr<Subrequest> asked)
      : asked_(std::move(asked)),
        path_(spec.path.substr(0, spec.path.find('?'))),
        query_(spec.path.contains('?') ? spec.path.substr(spec.path.find('?') + 1) : ""),
        has_query_(spec.path.contains('?')),
        timeout_(spec.timeout),
        copied_(spec.copy_headers),
        allow_on_error_(spec.on_error == config::OnError::allow) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    RequestHead question = ask_about(request.head);
    Result<SubrequestAnswer> answer =
        co_await asked_->send(std::move(question), exchange, timeout_, most_refusal);
    if (exchange.scope.cancelled())
      co_return problem(exchange.scope.reason(), "", exchange.context.request_id());
    const int status = answer ? answer->head.status : 0;
    HeaderMap& headers = request.head.headers;
    if (status >= 300 && status < 500) co_return refusal(*answer);
    for (const std::string& name : copied_) remove_spellings(headers, name);
    if (status >= 200 && status < 300) {
      for (const HeaderMap::Field& field : answer->head.headers) {
        const auto same = [&](const std::string& name) { return iequals(field.name, name); };
        if (std::ranges::any_of(copied_, same)) headers.add(field.id, field.name, field.value);
      }
    } else if (!allow_on_error_) {
      std::string why = "the authorization server ";
      why += answer ? "answered " + std::to_string(status)
                    : "gave no answer: " + std::string(name(answer.error().reason));
      co_return problem(Reason::auth_unavailable, why, exchange.context.request_id());
    }
    co_return co_await next(request, exchange);
  }

 private:
  // Its views are those of `head`, which outlives it.
  RequestHead ask_about(const RequestHead& head) const {
    RequestHead out;
    out.version = head.version;
    out.scheme = head.scheme;
    out.method_text = "GET";
    out.authority = head.authority;
    out.host = head.host;
    out.path = path_;
    out.query = query_;
    out.has_query = has_query_;
    for (const HeaderMap::Field& field : head.headers) {
      const auto same = [&](std::string_view one) { return iequals(field.name, one); };
      if (std::ranges::any_of(not_asked, same) ||
          same_field_name(field.name, "x-forwarded-method") ||
          same_field_name(field.name, "x-forwarded-uri")) {
        continue;
      }
      out.headers.add_view(field.id, field.name, field.value);
    }
    std::string uri(head.path);
    if (head.has_query) uri.append("?").append(head.query);
    out.headers.add("X-Forwarded-Method", head.method_text);
    out.headers.add("X-Forwarded-Uri", uri);
    return out;
  }

  // The server's own words, for the client.
  static Response refusal(SubrequestAnswer& answer) {
    Response response;
    response.head = std::move(answer.head);
    HeaderMap& headers = response.head.headers;
    headers.remove(FieldId::x_request_id);
    if (answer.cut) {
      headers.remove(FieldId::content_type);
      headers.remove(FieldId::content_encoding);
    }
    response.head.framing = Framing::length;
    response.head.content_length = answer.body.size();
    response.body = std::move(answer.body);
    response.reason = Reason::auth_denied;
    response.detail = "the authorization server answered " + std::to_string(response.head.status);
    return response;
  }

  const std::shared_ptr<Subrequest> asked_;
  const std::string path_;
  const std::string query_;
  const bool has_query_;
  const Duration timeout_;
  const std::vector<std::string> copied_;
  const bool allow_on_error_;
};

}  // namespace

std::shared_ptr<Middleware> make_forward_auth(const config::ForwardAuth& spec, const Making& with) {
  return std::make_shared<ForwardAuth>(spec, with.services.subrequest(spec.upstream));
}

// What the upstream would say is not asked.
Explained explain_forward_auth(const config::ForwardAuth& spec, Explaining& asked) {
  for (const std::string& name : spec.copy_headers) {
    remove_spellings(asked.request.head.headers, name);
  }
  return {.text = fmt::format("forward_auth: {} would be asked for {}; without an answer {}",
                              spec.upstream, spec.path,
                              spec.on_error == config::OnError::deny ? "503 auth_unavailable"
                                                                     : "the request goes on")};
}

std::vector<std::string> fields_of_forward_auth(const config::ForwardAuth& spec) {
  return spec.copy_headers;
}

}  // namespace weir
