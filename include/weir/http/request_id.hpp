// The id by which a request is found again in logs and at the upstream. Random bytes are drawn in
// blocks per thread: no system call a request. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "weir/http/exchange.hpp"

namespace weir {

// Random UUIDs (RFC 9562 section 5.4) of one thread, their bytes drawn 4 KiB at a time.
class UuidSource {
 public:
  // Fills a block with random bytes; false when the system has none to give. The ids are made of
  // the time and a count then.
  using Random = bool (*)(std::span<unsigned char> out) noexcept;

  explicit UuidSource(Random random) noexcept : random_(random) {}
  void write(std::span<char, 36> out) noexcept;

 private:
  void refill() noexcept;

  Random random_;
  std::array<unsigned char, 4096> block_{};
  std::size_t used_ = block_.size();
};

// One of this thread's, from the system's randomness.
void write_uuid(std::span<char, 36> out) noexcept;

// 1 to 36 characters of [A-Za-z0-9._-].
bool is_valid_request_id(std::string_view id) noexcept;

// Gives the exchange its id: a trusted peer's own X-Request-Id if it sent one that is valid,
// otherwise a new one.
void assign_request_id(Exchange& exchange, const HeaderMap& headers);

}  // namespace weir
