// PROXY headers: bounded, and the same verdict at every split.
#include "incremental.hpp"
#include "weir/net/proxy_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::fuzz::require;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = weir::net::parse_proxy_header(bytes);
  if (whole) {
    require(whole->size <= bytes.size(), "no more is consumed than there is");
    require(whole->size <= weir::net::longest_proxy_header, "a header is bounded");
    require(whole->size != 0 || bytes.size() < weir::net::longest_proxy_header,
            "waiting is bounded");
    require(whole->source.has_value() == whole->destination.has_value(), "both addresses or none");
    if (whole->source) require(whole->source->ip().valid(), "an address is one");
  }
  for (std::size_t cut = 0; cut < bytes.size() && cut <= weir::net::longest_proxy_header; ++cut) {
    const auto part = weir::net::parse_proxy_header(std::string(bytes.substr(0, cut)));
    if (!part) {
      require(!whole, "what is bad stays bad");
    } else if (part->size != 0) {
      require(whole && whole->size == part->size && whole->source == part->source &&
                  whole->destination == part->destination,
              "what follows changes nothing");
    }
  }
  return 0;
}
