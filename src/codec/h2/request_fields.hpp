// A request's head out of its decoded fields (RFC 9113 section 8.3): pseudo-fields, limits, the
// joined cookie, host and framing decided as for HTTP/1. One object a head. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/h2/field_rules.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/config/model.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h2 {

class RequestFields : public Cached {
 public:
  // `limits` and `head` outlive it.
  RequestFields(const config::Limits& limits, RequestHead& head) noexcept
      : limits_(limits), head_(head) {}

  // Takes the next field. After a fault only what the log may tell is still taken.
  void field(std::string_view name, std::string_view value);
  // After the last one: decides, and returns what is wrong with the head, if anything. `ended`: no
  // content follows.
  std::optional<HeadFault> finish(bool ended, Scheme scheme);

  // All that came, as RFC 9113 section 6.5.2 counts it, what was not kept included.
  std::size_t size() const noexcept { return size_; }
  // The head asks for a tunnel by extended CONNECT (RFC 8441); it then looks like the GET of an
  // HTTP/1 handshake.
  bool extended_connect() const noexcept { return extended_connect_; }

 private:
  static constexpr std::size_t most_cookies = 200;

  void fault(std::unexpected<HeadFault> what);
  std::expected<void, HeadFault> pseudo(std::string_view name, std::string_view value);
  std::expected<void, HeadFault> check_target();
  std::expected<void, HeadFault> regular(std::string_view name, std::string_view value);
  std::expected<void, HeadFault> cookie(std::string_view value);
  std::expected<void, HeadFault> decide(bool ended);
  std::expected<void, HeadFault> decide_method();
  std::expected<void, HeadFault> decide_path();
  std::expected<void, HeadFault> decide_host();
  std::expected<void, HeadFault> decide_content(bool ended);
  std::expected<void, HeadFault> into_handshake(bool ended);

  const config::Limits& limits_;
  RequestHead& head_;
  std::optional<HeadFault> fault_;
  std::string cookie_;
  std::string_view protocol_;
  std::string_view scheme_;
  std::string_view authority_;
  std::string_view host_;
  std::string_view content_length_;
  std::size_t size_ = 0;
  std::size_t count_ = 0;
  std::size_t cookies_ = 0;
  unsigned content_lengths_ = 0;
  std::uint8_t pseudo_seen_ = 0;  // a bit each
  bool regular_seen_ = false;
  bool host_seen_ = false;
  bool authorization_seen_ = false;
  bool extended_connect_ = false;
};

}  // namespace weir::codec::h2
