// One request on its way through the gateway, split by who writes what (context, decisions,
// record), and what must last until its answer's last byte. Owned by the codec, worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/block_cache.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/local_ptr.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/http/connection_info.hpp"
#include "weir/http/decisions.hpp"
#include "weir/http/exchange_record.hpp"
#include "weir/http/head.hpp"
#include "weir/http/request_context.hpp"
#include "weir/http/request_trace.hpp"
#include "weir/http/transfer_clock.hpp"

namespace weir {

// How an exchange ended.
struct Outcome {
  int status = 0;  // sent or, for client_closed, 499
  Reason reason = Reason::none;
  TimePoint started;    // first byte of the request
  TimePoint head_sent;  // final response head; equals `ended` when there was none
  TimePoint ended;
  std::uint64_t bytes_in = 0;   // content received
  std::uint64_t bytes_out = 0;  // content sent
  bool complete = false;        // the answer was sent in full
};

// What lasts beyond the call that made it, to the answer's end: a try with its upload and its body,
// a tunnel, a permit that its destructor gives back. Owned by the exchange.
class ExchangePart : public Cached {
 public:
  virtual ~ExchangePart() = default;
  // Stops what still runs and returns when nothing does. Called before destruction, again where it
  // threw bad_alloc.
  virtual Task<> settle() { co_return; }
  // Nothing runs any more: it can be destroyed without settle().
  virtual bool settled() const noexcept { return false; }

 private:
  friend class Exchange;
  std::unique_ptr<ExchangePart> before_;  // the one that the exchange owned before it
};

// Where the codec sends interim answers (100, 103) and says what it knows of the client.
class InformationalSink {
 public:
  // Sends a 1xx head unless the client speaks HTTP/1.0; at most 8 an exchange, further ones are
  // dropped.
  virtual Task<> informational(const ResponseHead& head) = 0;

 protected:
  ~InformationalSink() = default;
};

class Exchange {
 public:
  // `parent`: the scope that cancels this exchange, too; null: its codec alone does.
  Exchange(const ConnectionInfo& on, TimePoint first_byte, CancelScope* parent = nullptr) noexcept
      : scope(parent), context_(on, first_byte) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The configuration, or what is still needed of it; destroyed after all that may refer to it.
  LocalPtr<LocallyShared> configuration;

  // Read by everybody; filled by the codec and the gateway alone.
  const RequestContext& context = context_;
  RequestContext& fill_context() noexcept { return context_; }

  Decisions decisions;    // by the route's chain
  ExchangeRecord record;  // by whoever does something; for telemetry

  std::unique_ptr<RequestTrace> trace;  // null: no spans of it are kept

  TransferClock clock;  // its limits are set by the gateway from the route

  // Takes over `part` until settle().
  template <class T>
  T& own(std::unique_ptr<T> part) noexcept {
    T& out = *part;
    ExchangePart& last = out;
    last.before_ = std::exchange(last_part_, std::move(part));
    return out;
  }
  // Settles and destroys one part.
  Task<> end(ExchangePart& part);
  // Destroys the parts that have settled by themselves; false when one has not: then settle().
  bool settle_now() noexcept { return last_part_ == nullptr || settle_parts(); }
  // Settles and destroys the parts, last in first out, at the answer's end. A part stays where
  // bad_alloc is thrown before it has settled: call again.
  Task<> settle();

  // Keeps `guard` as long as the exchange.
  void hold(std::shared_ptr<const void> guard) { guards_.push_back(std::move(guard)); }

  // Interim answers; set by the codec.
  InformationalSink* interim = nullptr;

  // Cancelled when the client left or the drain ended. Whatever waits on the exchange's behalf
  // follows it.
  CancelScope scope;

 private:
  bool settle_parts() noexcept;

  RequestContext context_;
  std::unique_ptr<ExchangePart> last_part_;
  std::vector<std::shared_ptr<const void>, CachedAllocator<std::shared_ptr<const void>>> guards_;
};

}  // namespace weir
