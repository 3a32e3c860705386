// A listener's limits as the parsers take them. Pure; any thread.
#pragma once

#include "codec/h1/head_parser.hpp"
#include "weir/config/model.hpp"

namespace weir::codec::h1 {

inline HeadLimits head_limits(const config::Limits& limits) noexcept {
  HeadLimits out;
  out.uri_size = limits.uri_size;
  out.header_size = limits.header_size;
  out.header_count = limits.header_count;
  out.encode_raw_target = limits.raw_target_bytes == config::RawTargetBytes::encode;
  out.underscores = static_cast<Underscores>(limits.underscores);
  return out;
}
static_assert(static_cast<int>(config::Underscores::keep) == static_cast<int>(Underscores::keep));

// Kept in trailers they would be a way around what a head may not say: another spelling.
inline Underscores trailer_underscores(const config::Limits& limits) noexcept {
  return limits.underscores == config::Underscores::reject ? Underscores::reject
                                                           : Underscores::drop;
}

}  // namespace weir::codec::h1
