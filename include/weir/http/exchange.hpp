// One request on its way through the gateway: the facts that the log and the metrics will tell, and
// what must last until its answer's last byte. Owned by the codec, worker thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/block_cache.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/local_ptr.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/http/connection_info.hpp"
#include "weir/http/head.hpp"
#include "weir/http/route_facts.hpp"
#include "weir/http/transfer_clock.hpp"
#include "weir/http/try_record.hpp"

namespace weir {

// What the layers of one middleware type tell each other of a request. Only that type knows what.
class LayerNotes {
 protected:
  ~LayerNotes() = default;
};

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

// What a verified token says of its holder. Lives as long as the exchange it was given to.
class Claims {
 public:
  // The text of a string, the digits of a number, "true" or "false"; empty when there is no such
  // claim or it is none of these.
  virtual std::string_view claim(std::string_view name) const noexcept = 0;

 protected:
  ~Claims() = default;
};

class Exchange {
 public:
  static constexpr std::size_t no_route = ~std::size_t{0};

  // `parent`: the scope that cancels this exchange, too; null: its codec alone does.
  Exchange(const ConnectionInfo& on, TimePoint first_byte, CancelScope* parent = nullptr) noexcept
      : connection(on), started(first_byte), scope(parent) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The configuration, or what is still needed of it; destroyed after all that may refer to it.
  LocalPtr<LocallyShared> configuration;

  const ConnectionInfo& connection;
  TimePoint started;        // first byte of the request
  TimePoint head_received;  // its head was complete

  // --- facts, filled on the way; texts live as long as the exchange's head, snapshot or literals
  IpAddress client_ip;
  std::array<char, 36> request_id_text{};
  std::uint8_t request_id_length = 0;
  std::string_view request_id() const noexcept {
    return {request_id_text.data(), request_id_length};
  }
  std::size_t route_index = no_route;              // in the configuration
  const RouteFacts* route = nullptr;               // likewise
  std::string_view route_name;                     // "" while there is none
  std::array<std::string_view, 16> path_params{};  // values in the order of the route's path
  std::string_view rest;                           // of the path after the route's prefix
  std::string_view upstream;                       // name
  std::string_view endpoint;                       // address
  unsigned attempts = 0;
  std::string_view trace_id;              // of a valid traceparent
  bool tunnelled = false;                 // a 101 was answered
  Duration queue_time{}, connect_time{};  // of all tries together
  std::string_view user;                  // who basic_auth, api_key or jwt found
  const Claims* claims = nullptr;         // set by jwt, held by the exchange
  LayerNotes* rate_limits = nullptr;      // what the route's limits decided, while its chain runs
  std::string detail;     // of our refusal, as the client was told, or what cut the answer
  std::string limit_key;  // whom a limit refused, as the log shows it
  GrpcStatus grpc_status = no_grpc_status;  // of the upstream's answer
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t body_limit = 0;  // bytes; 0: unlimited. Checked by the codec as the body arrives
  bool close_after = false;      // the answer says Connection: close (drain, early answer)

  // One more try, where there is more than one: the first is told when the second is certain.
  // Without memory for it, it is left out.
  void tell_try(const TryRecord& fact) noexcept;
  // Empty when there was one try, or none.
  std::span<const TryRecord> tries() const noexcept { return tries_; }

  TransferClock clock;  // its limits are set by the gateway from the route

  // Takes over `part` until settle().
  template <class T>
  T& own(std::unique_ptr<T> part) {
    T& out = *part;
    parts_.push_back(std::move(part));
    return out;
  }
  // Settles and destroys one part.
  Task<> end(ExchangePart& part);
  // Destroys the parts that have settled by themselves; false when one has not: then settle().
  bool settle_now() noexcept;
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
  template <class T>
  using List = std::vector<T, CachedAllocator<T>>;

  List<std::unique_ptr<ExchangePart>> parts_;
  List<std::shared_ptr<const void>> guards_;
  List<TryRecord> tries_;
};

}  // namespace weir
