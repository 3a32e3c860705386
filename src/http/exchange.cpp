#include "weir/http/exchange.hpp"

#include <algorithm>
#include <utility>

namespace weir {

bool Exchange::settle_now() noexcept {
  while (!parts_.empty() && parts_.back()->settled()) parts_.pop_back();
  return parts_.empty();
}

Task<> Exchange::settle() {
  while (!parts_.empty()) co_await end(*parts_.back());
}

Task<> Exchange::end(ExchangePart& part) {
  co_await part.settle();
  const auto at = std::ranges::find(parts_, &part, &std::unique_ptr<ExchangePart>::get);
  const std::unique_ptr<ExchangePart> ended = std::move(*at);
  parts_.erase(at);
}

}  // namespace weir
