#include "middleware/types.hpp"
#include "weir/http/answer.hpp"

namespace weir {
namespace {

// Replaces the listener's limit, up or down. Content of unsaid length is counted by the codec as it
// arrives.
class BodyLimit final : public Middleware {
 public:
  explicit BodyLimit(std::uint64_t size) noexcept : size_(size) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    exchange.body_limit = size_;
    const RequestHead& head = request.head;
    if (size_ != 0 && head.framing == Framing::length && head.content_length > size_) {
      return refuse(exchange);
    }
    return next(request, exchange);
  }

 private:
  static Task<Response> refuse(Exchange& exchange) {
    co_return problem(Reason::body_too_large,
                      "the content is larger than the route's limit (content-length)",
                      exchange.request_id());
  }

  const std::uint64_t size_;  // bytes; 0: unlimited
};

}  // namespace

std::shared_ptr<Middleware> make_body_limit(const config::BodyLimit& spec) {
  return std::make_shared<BodyLimit>(spec.size);
}

}  // namespace weir
