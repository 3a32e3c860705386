// The onion around a route's last handler: a middleware sees the request on its way in and the
// answer's head on its way out, in one coroutine. Built once per route, const, shared by all
// workers.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "weir/base/task.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"

namespace weir {

class Middleware;

// What a middleware calls to go on: the next one, or the last handler. A small value, valid as
// long as the exchange.
class Next {
 public:
  // Returns at the answer's head. REQUIRES: awaited at most once per handle().
  Task<Response> operator()(Request& request, Exchange& exchange) const;

 private:
  friend class Chain;
  using Layer = std::shared_ptr<Middleware>;
  Next(const Layer* layer, const Layer* end, Handler& last) noexcept
      : layer_(layer), end_(end), last_(&last) {}

  const Layer* layer_;
  const Layer* end_;
  Handler* last_;
};

// One object serves all workers at once: what changes in it is synchronised by itself. Like a
// Handler it always answers and throws only bad_alloc. What must last to the end of the body is
// given to the exchange (hold, on_complete), not kept in the coroutine.
class Middleware {
 public:
  virtual ~Middleware() = default;
  virtual Task<Response> handle(Request& request, Exchange& exchange, Next next) = 0;
};

class Chain {
 public:
  Chain() = default;
  // `layers` from the outermost in.
  explicit Chain(std::vector<std::shared_ptr<Middleware>> layers) : layers_(std::move(layers)) {}

  // The answer of the outermost layer; of `last` itself, at no cost, when there is none.
  // REQUIRES: the chain and `last` outlive the exchange.
  Task<Response> handle(Request& request, Exchange& exchange, Handler& last) const {
    return Next(layers_.data(), layers_.data() + layers_.size(), last)(request, exchange);
  }
  bool empty() const noexcept { return layers_.empty(); }
  std::size_t size() const noexcept { return layers_.size(); }

 private:
  std::vector<std::shared_ptr<Middleware>> layers_;
};

inline Task<Response> Next::operator()(Request& request, Exchange& exchange) const {
  if (layer_ == end_) return last_->handle(request, exchange);
  return (*layer_)->handle(request, exchange, Next(layer_ + 1, end_, *last_));
}

}  // namespace weir
