// What the waits of Cluster have in common: the client that may leave meanwhile. Worker thread
// only.
#pragma once

#include "weir/base/result.hpp"
#include "weir/http/exchange.hpp"

namespace weir::upstream {

// Makes `waiting` the one that hears of the exchange's cancellation, for the scope's time.
class CancelScope {
 public:
  CancelScope(Exchange* exchange, Cancellable& waiting) noexcept : exchange_(exchange) {
    if (exchange_ != nullptr) before_ = exchange_->set_cancellable(&waiting);
  }
  ~CancelScope() {
    if (exchange_ != nullptr) exchange_->set_cancellable(before_);
  }
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  Exchange* exchange_;
  Cancellable* before_ = nullptr;
};

inline bool is_cancelled(const Exchange* exchange) noexcept {
  return exchange != nullptr && exchange->cancelled();
}

inline Error cancelled_error(const Exchange& exchange) {
  return {exchange.cancel_reason(), Side::downstream, "while waiting for an upstream connection"};
}

}  // namespace weir::upstream
