#include "weir/http/exchange.hpp"

#include <algorithm>
#include <utility>

namespace weir {

bool Exchange::settle_now() noexcept {
  while (!parts_.empty() && parts_.back()->settled()) parts_.pop_back();
  return parts_.empty();
}

Task<> Exchange::settle() {
  while (!parts_.empty()) {
    const std::unique_ptr<ExchangePart> part = std::move(parts_.back());
    parts_.pop_back();
    co_await part->settle();
  }
}

Task<> Exchange::end(ExchangePart& part) {
  const auto at = std::ranges::find(parts_, &part, &std::unique_ptr<ExchangePart>::get);
  const std::unique_ptr<ExchangePart> ended = std::move(*at);
  parts_.erase(at);
  co_await ended->settle();
}

void Exchange::complete(const Outcome& outcome) {
  while (!hooks_.empty()) {
    Hook hook = std::move(hooks_.back());
    hooks_.pop_back();
    hook(outcome);
  }
  guards_.clear();
}

}  // namespace weir
