// What a field received over HTTP/2 must look like, whichever message it is in (RFC 9113 section
// 8.2): the same strictness as of the HTTP/1 parser, so that nothing that is legal here can mean
// something else behind us. Pure; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/config/model.hpp"
#include "weir/http/header_map.hpp"

namespace weir::codec::h2 {

// What is wrong with a head. A malformed one is answered with RST_STREAM(PROTOCOL_ERROR), the
// others with the reason's status.
struct HeadFault {
  bool malformed = true;
  Reason reason = Reason::bad_request;
  std::string detail;  // names the offending field or part
};

std::unexpected<HeadFault> malformed(std::string detail);
std::unexpected<HeadFault> refused(Reason reason, std::string detail);

inline bool is_pseudo(std::string_view name) noexcept { return name.starts_with(':'); }

// A name is a token in lower case; a value has no control character but HTAB inside, and no white
// space at its ends; no field of the connection, and of TE only `trailers`. `id` is the name's.
std::expected<void, HeadFault> check_field(FieldId id, std::string_view name,
                                           std::string_view value);
// Whether a request's field is taken on, as far as `limits.underscores` decides it: a name with an
// underscore may be dropped, or refused.
std::expected<bool, HeadFault> check_underscore(config::Underscores policy, FieldId id,
                                                std::string_view name);
// The part of check_field() for values alone, those of pseudo-fields too.
bool is_clean_value(std::string_view value) noexcept;

// What RFC 9113 section 6.5.2 counts a field as.
constexpr std::size_t counted_size(std::string_view name, std::string_view value) noexcept {
  return name.size() + value.size() + 32;
}

// The three digits of :status; 0 for anything else.
int parse_status(std::string_view value) noexcept;

// Fields behind the content, one after the other: adds one that may be a trailer to `out`, and
// drops one that may not. The limits are those of the whole section. `underscores`: of a request
// reject or drop, since kept ones would be a way around what a head may not say; of an answer keep.
class TrailerFields {
 public:
  TrailerFields(std::size_t most_bytes, std::size_t most_fields, config::Underscores underscores,
                HeaderMap& out) noexcept
      : most_bytes_(most_bytes), most_fields_(most_fields), underscores_(underscores), out_(out) {}
  std::expected<void, HeadFault> field(std::string_view name, std::string_view value);

 private:
  std::size_t most_bytes_;
  std::size_t most_fields_;
  config::Underscores underscores_;
  HeaderMap& out_;
  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
};

}  // namespace weir::codec::h2
