#include "weir/proxy/fixed_answers.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/content_limit.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/variables.hpp"

namespace weir::proxy {
namespace {

TemplateText parsed(const std::string& text, std::span<const std::string> path_params) {
  return TemplateText::parse(text, path_params).value();
}

Response refuse(Reason reason, std::string_view detail, const Exchange& exchange) {
  return problem(reason, detail, exchange.context.request_id());
}

// "https:///path": browsers would take the path's first segment for the host.
bool has_empty_host(std::string_view location) noexcept {
  return location.substr(std::min(location.find_first_of(":/?"), location.size()))
      .starts_with(":///");
}

class RedirectHandler final : public Handler {
 public:
  RedirectHandler(int status, TemplateText to) : status_(status), to_(std::move(to)) {}

  Task<Response> handle(Request& request, Exchange& exchange) override {
    if (content_is_too_long(request.head, exchange)) {
      co_return refuse(Reason::body_too_large, "the content is larger than the limit", exchange);
    }
    const auto location = redirect_location(to_, request, exchange);
    if (!location) co_return refuse(Reason::bad_request, location.error(), exchange);
    co_return redirect_answer(status_, *location);
  }

 private:
  int status_;
  TemplateText to_;
};

class RespondHandler final : public Handler {
 public:
  RespondHandler(const config::Respond& respond, std::span<const std::string> path_params)
      : status_(respond.status), body_(parsed(respond.body, path_params)) {
    for (const auto& [name, value] : respond.headers) {
      if (field_id(name) == FieldId::content_type) has_type_ = true;
      headers_.emplace_back(name, parsed(value, path_params));
    }
  }

  Task<Response> handle(Request& request, Exchange& exchange) override {
    if (content_is_too_long(request.head, exchange)) {
      co_return refuse(Reason::body_too_large, "the content is larger than the limit", exchange);
    }
    co_return answer(request, exchange);
  }

  Response answer(const Request& request, const Exchange& exchange) const {
    Variables variables(request, exchange);
    const bool typed = has_type_ || status_ == 204 || status_ == 304;
    Response response = simple_answer(status_, variables.expand(body_), typed ? "" : "text/plain");
    for (const auto& [name, value] : headers_) {
      response.head.headers.add(name, variables.expand(value));
    }
    return response;
  }

 private:
  int status_;
  TemplateText body_;
  bool has_type_ = false;
  std::vector<std::pair<std::string, TemplateText>> headers_;
};

}  // namespace

std::expected<std::string, std::string_view> redirect_location(const TemplateText& to,
                                                               const Request& request,
                                                               const Exchange& exchange) {
  std::string location = Variables(request, exchange).expand(to);
  // HTTP/1.0 without a Host.
  if (request.head.host.empty() && has_empty_host(location)) {
    return std::unexpected("no Host, so the redirect has no target");
  }
  // Nothing would be this very request again.
  if (location.empty()) location = "/";
  // A path of two slashes would be read as another host.
  if (location.starts_with("//")) location.insert(0, "/.");
  return location;
}

Response redirect_answer(int status, std::string_view location) {
  Response response = simple_answer(status, {}, {});
  response.head.headers.add(FieldId::location, "location", location);
  return response;
}

Response fixed_answer(const config::Respond& respond, std::span<const std::string> path_params,
                      const Request& request, const Exchange& exchange) {
  return RespondHandler(respond, path_params).answer(request, exchange);
}

std::unique_ptr<Handler> make_redirect(const config::Redirect& redirect,
                                       std::span<const std::string> path_params) {
  return std::make_unique<RedirectHandler>(redirect.status, parsed(redirect.to, path_params));
}

std::unique_ptr<Handler> make_respond(const config::Respond& respond,
                                      std::span<const std::string> path_params) {
  return std::make_unique<RespondHandler>(respond, path_params);
}

}  // namespace weir::proxy
