// Fields on their way out over HTTP/2, as nghttp2 wants them: what belongs to the connection left
// out (RFC 9113 section 8.2.2). Values, and names that nobody knows, are copied by nghttp2, which
// puts these into lower case.
// Pure; one thread at a time.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "weir/base/block_cache.hpp"
#include "weir/http/header_map.hpp"

namespace weir::codec::h2 {

// Fields of a connection that HTTP/2 has no use for; a message that carries one is malformed.
bool is_connection_specific(FieldId id) noexcept;

class FieldBlock {
 public:
  FieldBlock() { fields_.reserve(24); }
  FieldBlock(const FieldBlock&) = delete;
  FieldBlock& operator=(const FieldBlock&) = delete;

  // `name` is a literal in lower case; `value` stays where it is until the block was submitted.
  void add(std::string_view name, std::string_view value);
  // At most two of these a block.
  void add(std::string_view name, std::uint64_t number);
  // All but connection-specific fields, Host and Content-Length, which a writer adds itself, and
  // but those named `without`.
  void add(const HeaderMap& headers, FieldId without = FieldId::other);

  bool empty() const noexcept { return fields_.empty(); }
  const nghttp2_nv* data() const noexcept { return fields_.data(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  std::vector<nghttp2_nv, CachedAllocator<nghttp2_nv>> fields_;
  std::array<std::array<char, 20>, 2> digits_;
  std::size_t numbers_ = 0;
};

}  // namespace weir::codec::h2
