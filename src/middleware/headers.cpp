#include <utility>

#include "middleware/types.hpp"
#include "weir/middleware/header_rewrite.hpp"

namespace weir {
namespace {

// The response's changes apply to every final head that comes out of the layers within, refusals of
// ours included.
class Headers final : public Middleware {
 public:
  Headers(const config::Headers& spec, const std::vector<std::string>& path_params)
      : request_(spec.request, path_params), response_(spec.response, path_params) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    request_.apply(request.head.headers, request, exchange);
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
