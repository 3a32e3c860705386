// Cancellation as a tree: whoever waits for something hears that it is no longer wanted. What waits
// follows a scope, and a scope may follow another; cancel() of a scope goes down to all that hangs
// below it. Intrusive: no allocation, links go in destructors. A tree belongs to one thread.
#pragma once

#include <type_traits>
#include <utility>

#include "weir/base/reason.hpp"

namespace weir {

class CancelScope;

// What a scope tells of its cancellation.
class Cancellable {
 public:
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;

  // Called once for a follow(), when that scope is cancelled; it is no longer linked then. May link
  // and destroy any part of the tree, the scope that calls included.
  virtual void cancel(Reason reason) noexcept = 0;

 protected:
  Cancellable() noexcept = default;
  virtual ~Cancellable() { unfollow(); }

  // From now on hears of `scope` instead of the one before; null: of none. One that was cancelled
  // before calls cancel() from within follow(): a wait that begins too late ends at once.
  void follow(CancelScope* scope) noexcept;
  void unfollow() noexcept;

 private:
  friend class CancelScope;
  Cancellable* next_ = nullptr;
  Cancellable** link_ = nullptr;  // the pointer that points to this; null: not linked
};

class CancelScope final : public Cancellable {
 public:
  // `parent` null: the root of a tree.
  explicit CancelScope(CancelScope* parent = nullptr) noexcept { follow(parent); }
  // What still hangs below is not told of anything any more.
  ~CancelScope() override;

  // Tells all that hang below, those that were linked last first. Of several calls the first
  // counts. REQUIRES: `reason` is not none.
  void cancel(Reason reason) noexcept override;
  bool cancelled() const noexcept { return reason_ != Reason::none; }
  // Why it was cancelled; none while it was not.
  Reason reason() const noexcept { return reason_; }

 private:
  friend class Cancellable;
  Cancellable* first_ = nullptr;
  Reason reason_ = Reason::none;
};

inline void Cancellable::follow(CancelScope* scope) noexcept {
  unfollow();
  if (scope == nullptr) return;
  if (scope->cancelled()) return cancel(scope->reason());
  next_ = scope->first_;
  link_ = &scope->first_;
  if (next_ != nullptr) next_->link_ = &next_;
  scope->first_ = this;
}

inline void Cancellable::unfollow() noexcept {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  link_ = nullptr;
  next_ = nullptr;
}

// While it lives, `action(reason)` runs when the scope is cancelled; at once, within the
// constructor, when that has happened already. A scope of null never is.
template <class Action>
class OnCancel final : private Cancellable {
 public:
  static_assert(std::is_nothrow_invocable_v<Action&, Reason>);
  OnCancel(CancelScope* scope, Action action) noexcept : action_(std::move(action)) {
    follow(scope);
  }

 private:
  void cancel(Reason reason) noexcept override { action_(reason); }

  Action action_;
};

}  // namespace weir
