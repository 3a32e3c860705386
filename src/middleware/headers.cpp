#include <string_view>
#include <utility>
#include <variant>

#include "middleware/types.hpp"
#include "weir/middleware/header_rewrite.hpp"

namespace weir {
namespace {

// The upstream's name where there is but one to choose.
std::string_view only_upstream(const config::Route* route) noexcept {
  const auto* to = route == nullptr ? nullptr : std::get_if<config::UpstreamAction>(&route->action);
  return to == nullptr || to->split.size() != 1 ? std::string_view() : to->split.front().upstream;
}

// The response's changes apply to every final head that comes out of the layers within, refusals of
// ours included.
class Headers final : public Middleware {
 public:
  Headers(const config::Headers& spec, const std::vector<std::string>& path_params)
      : request_(spec.request, path_params), response_(spec.response, path_params) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    // Only for {upstream}: a request that is refused behind this has none in the log.
    exchange.upstream = only_upstream(exchange.route);
    request_.apply(request.head.headers, request, exchange);
    exchange.upstream = {};
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

std::shared_ptr<Middleware> make_headers(const config::Headers& spec,
                                         std::span<const std::string> path_params) {
  return std::make_shared<Headers>(
      spec, std::vector<std::string>(path_params.begin(), path_params.end()));
}

}  // namespace weir
