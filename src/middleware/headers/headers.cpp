#include "middleware/headers/headers.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "weir/config/model.hpp"
#include "weir/middleware/header_rewrite.hpp"

namespace weir {
namespace {

// {upstream} is known before it is chosen where the route has but one.
void change_request(const HeaderRewrite& changes, Request& request, const Exchange& exchange) {
  const RouteFacts* const route = exchange.context.route;
  changes.apply(request.head.headers, request, exchange,
                route == nullptr ? std::string_view() : route->only_upstream);
}

std::size_t count_changes(const config::HeaderChanges& changes) noexcept {
  return changes.set.size() + changes.add.size() + changes.remove.size();
}

std::vector<std::string> copy_of(std::span<const std::string> names) {
  return {names.begin(), names.end()};
}

// The response's changes apply to every final head that comes out of the layers within, refusals of
// ours included.
class Headers final : public Middleware {
 public:
  Headers(const config::Headers& spec, const std::vector<std::string>& path_params)
      : request_(spec.request, path_params), response_(spec.response, path_params) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    change_request(request_, request, exchange);
    if (response_.empty()) return next(request, exchange);
    return rewritten(request, exchange, next);
  }

 private:
  Task<Response> rewritten(Request& request, Exchange& exchange, Next next) const {
    Response response = co_await next(request, exchange);
    response_.apply(response.head.headers, request, exchange);
    co_return response;
  }

  const HeaderRewrite request_;
  const HeaderRewrite response_;
};

}  // namespace

std::shared_ptr<Middleware> make_headers(const config::Headers& spec, const Making& with) {
  return std::make_shared<Headers>(spec, copy_of(with.path_params));
}

Explained explain_headers(const config::Headers& spec, Explaining& asked) {
  change_request(HeaderRewrite(spec.request, copy_of(asked.path_params)), asked.request,
                 asked.exchange);
  return {.text = fmt::format("headers: {} changes to the request, {} to the response",
                              count_changes(spec.request), count_changes(spec.response)),
          .on_answer = [rewrite = HeaderRewrite(spec.response, copy_of(asked.path_params)),
                        &request = asked.request, &exchange = asked.exchange](HeaderMap& answer) {
            rewrite.apply(answer, request, exchange);
          }};
}

}  // namespace weir
