#include "codec/h2/response_fields.hpp"

#include <utility>

#include "codec/h1/field_lines.hpp"
#include "codec/h1/message_rules.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h2 {
namespace {

constexpr std::size_t most_fields = 1000;

}  // namespace

void ResponseFields::field(std::string_view name, std::string_view value) {
  size_ += counted_size(name, value);
  if (fault_) return;
  if (auto taken = take(name, value); !taken) fault_ = std::move(taken.error());
}

std::expected<void, HeadFault> ResponseFields::take(std::string_view name, std::string_view value) {
  if (is_pseudo(name)) {
    if (name != ":status") return malformed("pseudo-field " + h1::quoted(name));
    if (status_seen_) return malformed(":status twice");
    if (count_ != 0) return malformed("a pseudo-header after other headers");
    status_seen_ = true;
    head_.status = parse_status(value);
    // 101 is not for HTTP/2 (RFC 9113 section 8.6).
    if (head_.status < 100 || head_.status > 599 || head_.status == 101) {
      return malformed(":status " + h1::quoted(value));
    }
    return {};
  }
  const FieldId id = field_id(name);
  if (auto checked = check_field(id, name, value); !checked) return checked;
  if (size_ > most_bytes_ || ++count_ > most_fields) {
    return refused(Reason::upstream_headers_too_large, "the headers of the answer are too large");
  }
  Arena& arena = head_.headers.arena();
  const std::string_view own = arena.copy(value);
  if (id == FieldId::content_length) {
    content_length_ = own;
    ++content_lengths_;
  }
  head_.headers.add_view(id, id == FieldId::other ? arena.copy(name) : field_name(id), own);
  return {};
}

std::optional<HeadFault> ResponseFields::finish(bool ended) {
  head_.version = Version::http2;
  if (!fault_) {
    if (auto decided = decide(ended); !decided) fault_ = std::move(decided.error());
  }
  return std::move(fault_);
}

std::expected<void, HeadFault> ResponseFields::decide(bool ended) {
  if (!status_seen_) return malformed("no :status");
  std::optional<std::uint64_t> length;
  if (content_lengths_ > 1) return malformed("more than one Content-Length");
  if (content_lengths_ == 1) {
    length = h1::parse_content_length(content_length_);
    if (!length) return malformed("malformed Content-Length " + h1::quoted(content_length_));
  }
  const int status = head_.status;
  if (status < 200) {
    if (ended) return malformed("an interim answer that ends the stream");
    return {};
  }
  if (tunnel_ && status < 300) {
    if (content_lengths_ != 0) return malformed("Content-Length in a tunnel");
    return {};
  }
  if (status == 204 || status == 304 || method_ == Method::head) return {};
  if (length && ended && *length != 0) return malformed("Content-Length without content");
  head_.framing = length || ended ? Framing::length : Framing::chunked;
  head_.content_length = length.value_or(0);
  return {};
}

}  // namespace weir::codec::h2
