// A function in the queue of a LoopContext, in memory of its allocator.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "weir/net/loop_context.hpp"

namespace weir::net {

template <class Function, class Allocator>
class HeldHandler final : public QueuedHandler {
  using Memory = typename std::allocator_traits<Allocator>::template rebind_alloc<HeldHandler>;
  using Traits = std::allocator_traits<Memory>;

 public:
  // For LoopContext::push(), which frees it. Throws what the allocator and the function throw.
  template <class F>
  static QueuedHandler& make(F&& function, const Allocator& allocator) {
    Memory memory(allocator);
    HeldHandler* const place = std::to_address(Traits::allocate(memory, 1));
    try {
      return *::new (static_cast<void*>(place)) HeldHandler(std::forward<F>(function), memory);
    } catch (...) {
      Traits::deallocate(memory, place, 1);
      throw;
    }
  }

 private:
  template <class F>
  HeldHandler(F&& function, const Memory& memory)
      : QueuedHandler(&HeldHandler::take), function_(std::forward<F>(function)), memory_(memory) {}

  class Freeing {
   public:
    explicit Freeing(HeldHandler& held) noexcept : held_(&held), memory_(held.memory_) {}
    ~Freeing() { now(); }
    Freeing(const Freeing&) = delete;
    Freeing& operator=(const Freeing&) = delete;
    void now() noexcept {
      if (held_ == nullptr) return;
      HeldHandler* const held = std::exchange(held_, nullptr);
      held->~HeldHandler();
      Traits::deallocate(memory_, held, 1);
    }

   private:
    HeldHandler* held_;
    Memory memory_;
  };

  static void take(QueuedHandler* base, bool run) {
    auto& self = *static_cast<HeldHandler*>(base);
    Freeing freeing(self);
    if (!run) return;
    // Its memory is free before it runs: it may push another of the same size.
    Function function(std::move(self.function_));
    freeing.now();
    function();
  }

  Function function_;
  [[no_unique_address]] Memory memory_;
};

}  // namespace weir::net
