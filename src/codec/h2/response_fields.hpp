// An answer's head out of its decoded fields (RFC 9113 section 8.3.2): :status, limits, and the
// framing decided as for HTTP/1. One object a head. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/h2/field_rules.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h2 {

class ResponseFields {
 public:
  // `head_size` bounds what the fields count. `tunnel`: the request was an extended CONNECT.
  ResponseFields(std::size_t head_size, Method method, bool tunnel) noexcept
      : most_bytes_(head_size), method_(method), tunnel_(tunnel) {}

  // Takes the next field; after a fault they are only counted.
  void field(std::string_view name, std::string_view value);
  // After the last one: decides, and returns what is wrong with the head, if anything. `ended`: no
  // content follows.
  std::optional<HeadFault> finish(bool ended);

  // Valid after finish() found nothing wrong.
  ResponseHead& head() noexcept { return head_; }
  // All that came, as RFC 9113 section 6.5.2 counts it.
  std::size_t size() const noexcept { return size_; }

 private:
  std::expected<void, HeadFault> take(std::string_view name, std::string_view value);
  std::expected<void, HeadFault> decide(bool ended);

  const std::size_t most_bytes_;
  const Method method_;
  const bool tunnel_;
  ResponseHead head_;
  std::optional<HeadFault> fault_;
  std::string_view content_length_;
  std::size_t size_ = 0;
  std::size_t count_ = 0;
  unsigned content_lengths_ = 0;
  bool status_seen_ = false;
};

}  // namespace weir::codec::h2
