// What came of requests: counts, and how long they took. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "driver/histogram.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"

namespace weir::bench {

// Why a request has no whole answer.
enum class Failure : std::uint8_t {
  connect_failed,   // nobody takes connections
  connect_timeout,  // nobody answers them
  tls_failed,
  reset,         // the connection ended before the answer's head
  bad_response,  // what came is no answer
  incomplete,    // the connection ended within the answer
  timeout,       // it was sent, and its time was over
  end,
};
inline constexpr std::size_t failure_count = static_cast<std::size_t>(Failure::end);

std::string_view name(Failure failure) noexcept;
Failure failure_of(Reason reason) noexcept;

// Why a request that was due was never sent.
enum class Omission : std::uint8_t {
  no_room,     // as many waited for a connection as may
  waited_out,  // its time was over before a connection was free
  end,
};
inline constexpr std::size_t omission_count = static_cast<std::size_t>(Omission::end);

std::string_view name(Omission omission) noexcept;

// At the end: due = answered + failed() + omitted().
struct Tally {
  std::uint64_t due = 0;
  std::uint64_t sent = 0;        // its head was given to a connection
  std::uint64_t sent_again = 0;  // times that the target said it had not looked at a request
  std::uint64_t answered = 0;    // whole, with any status
  std::uint64_t ok = 0;          // of these, with a status below 400
  std::uint64_t good = 0;        // of those, as fast as asked for
  std::uint64_t bytes = 0;       // of content received
  std::map<int, std::uint64_t> statuses;
  std::array<std::uint64_t, failure_count> failures{};
  std::array<std::uint64_t, omission_count> omissions{};
  // From when the request was due to the answer's last byte: of all that were answered, and of
  // those with a status below 400.
  Histogram latency;
  Histogram latency_ok;
  // From when it was due to when it was sent, and of that the driver's own part: until it was sent,
  // or began to wait for a connection.
  Histogram sent_after;
  Histogram lateness;

  std::uint64_t failed() const noexcept;
  std::uint64_t omitted() const noexcept;
  void add(const Tally& other);
};

// The requests that were due in one second of the run.
struct Second {
  std::uint32_t due = 0;
  std::uint32_t answered = 0;
  std::uint32_t ok = 0;
  std::uint32_t good = 0;
  std::uint32_t failed = 0;
  std::uint32_t omitted = 0;
  Histogram latency_ok;

  void add(const Second& other);
};

}  // namespace weir::bench
