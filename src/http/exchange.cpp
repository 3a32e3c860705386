#include "weir/http/exchange.hpp"

#include <utility>

namespace weir {

bool Exchange::settle_parts() noexcept {
  while (last_part_ != nullptr && last_part_->settled()) {
    last_part_ = std::move(last_part_->before_);
  }
  return last_part_ == nullptr;
}

Task<> Exchange::settle() {
  while (last_part_ != nullptr) co_await end(*last_part_);
}

Task<> Exchange::end(ExchangePart& part) {
  co_await part.settle();
  std::unique_ptr<ExchangePart>* at = &last_part_;
  while (at->get() != &part) at = &(*at)->before_;
  const std::unique_ptr<ExchangePart> ended = std::move(*at);
  *at = std::move(ended->before_);
}

}  // namespace weir
