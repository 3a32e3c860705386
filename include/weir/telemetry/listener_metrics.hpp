// What is counted per listener. Found by name through Metrics; each worker writes its own shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/handshake_fault.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

enum class Protocol : std::uint8_t { http1, h2, unknown };
inline constexpr std::size_t protocol_count = 3;
std::string_view name(Protocol protocol) noexcept;

// Why a connection was closed before it could send a request.
enum class Refusal : std::uint8_t {
  max_connections,
  connections_per_client,
  proxy_protocol,     // header malformed, or from a peer that is not trusted
  handshake_timeout,  // TLS or PROXY header
  draining,
  head_memory,    // its unfinished head gave way: server.head_memory was spent
  no_descriptor,  // accept() failed for want of one (EMFILE, ENFILE)
  no_memory,      // the kernel, or the process, had none for a connection
};
inline constexpr std::size_t refusal_count = static_cast<std::size_t>(Refusal::no_memory) + 1;
std::string_view name(Refusal refusal) noexcept;

struct alignas(cache_line) ListenerShard {
  // Accepted: unknown until the first bytes tell.
  void opened() noexcept { active[index(Protocol::unknown)].add(); }
  void recognised(Protocol protocol) noexcept {
    active[index(Protocol::unknown)].add(-1);
    active[index(protocol)].add();
    total[index(protocol)].add();
  }
  // `protocol`: the one recognised, or unknown.
  void closed(Protocol protocol) noexcept {
    active[index(protocol)].add(-1);
    if (protocol == Protocol::unknown) total[index(protocol)].add();
  }
  void refused(Refusal refusal) noexcept { refusals[static_cast<std::size_t>(refusal)].add(); }

  std::array<Gauge, protocol_count> active;
  std::array<Counter, protocol_count> total;
  std::array<Counter, refusal_count> refusals;
  Counter handshakes;  // of TLS, those in full
  Counter handshakes_resumed;
  Counter handshakes_failed;
  std::array<Counter, handshake_fault_count> handshake_faults;
  Counter raw_targets;  // requests that raw_target_bytes: encode let in

 private:
  static constexpr std::size_t index(Protocol p) noexcept { return static_cast<std::size_t>(p); }
};

class ListenerMetrics : public Sharded<ListenerShard> {
 public:
  ListenerMetrics(std::string listener, unsigned slots)
      : Sharded(slots), listener_(std::move(listener)) {}
  const std::string& listener() const noexcept { return listener_; }

 private:
  std::string listener_;
};

// When a certificate ends.
struct CertificateMetrics {
  SharedValue expiry;  // seconds since the epoch
};

}  // namespace weir::telemetry
