#include "weir/base/cancel.hpp"

namespace weir {

CancelScope::~CancelScope() {
  while (first_ != nullptr) first_->unfollow();
}

// The list hangs on a local pointer while it is told: a listener may destroy this scope.
void CancelScope::cancel(Reason reason) noexcept {
  if (cancelled()) return;
  reason_ = reason;
  Cancellable* rest = std::exchange(first_, nullptr);
  if (rest != nullptr) rest->link_ = &rest;
  while (rest != nullptr) {
    Cancellable& one = *rest;
    one.unfollow();
    one.cancel(reason);
  }
}

}  // namespace weir
