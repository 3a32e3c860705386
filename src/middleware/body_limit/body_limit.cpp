#include "middleware/body_limit/body_limit.hpp"

#include <fmt/format.h>

#include "weir/http/answer.hpp"

namespace weir {
namespace {

// Whether the content is larger than `size` bytes (0: unlimited) as the head says.
bool is_above_limit(std::uint64_t size, const RequestHead& head) noexcept {
  return size != 0 && head.framing == Framing::length && head.content_length > size;
}

// Replaces the listener's limit, up or down. Content of unsaid length is counted by the codec as it
// arrives.
class BodyLimit final : public Middleware {
 public:
  explicit BodyLimit(std::uint64_t size) noexcept : size_(size) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    exchange.decisions.body_limit = size_;
    if (is_above_limit(size_, request.head)) return refuse(exchange);
    return next(request, exchange);
  }

 private:
  static Task<Response> refuse(Exchange& exchange) {
    co_return problem(Reason::body_too_large,
                      "the content is larger than the route's limit (content-length)",
                      exchange.context.request_id());
  }

  const std::uint64_t size_;  // bytes; 0: unlimited
};

}  // namespace

std::shared_ptr<Middleware> make_body_limit(const config::BodyLimit& spec, const Making&) {
  return std::make_shared<BodyLimit>(spec.size);
}

Explained explain_body_limit(const config::BodyLimit& spec, Explaining& asked) {
  const RequestHead& head = asked.request.head;
  if (is_above_limit(spec.size, head)) {
    return explain_refusal("body_limit", Reason::body_too_large,
                           fmt::format("{} bytes is above {}", head.content_length, spec.size));
  }
  return {.text =
              spec.size == 0 ? "body_limit: none" : fmt::format("body_limit: {} bytes", spec.size)};
}

}  // namespace weir
