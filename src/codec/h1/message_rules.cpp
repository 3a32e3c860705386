#include "codec/h1/message_rules.hpp"

#include <limits>

#include "codec/h1/field_lines.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

// "gzip, chunked": two or more tokens, the last one chunked and only that one.
bool ends_in_chunked(std::string_view list) noexcept {
  bool several = false;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view coding = trim(list.substr(0, comma));
    const bool chunked = iequals(coding, "chunked");
    if (comma == std::string_view::npos) return several && chunked;
    if (!is_token(coding) || chunked || iequals(coding, "identity")) return false;
    several = true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  const auto length = parse_decimal(value);
  return length && *length <= std::numeric_limits<std::int64_t>::max() ? length : std::nullopt;
}

std::expected<Content, Refusal> decide_content(const FramingFields& fields, Version version) {
  Content content;
  if (fields.transfer_encodings != 0) {
    if (fields.content_lengths != 0) {
      return refuse(Reason::bad_request, "both Transfer-Encoding and Content-Length");
    }
    if (version == Version::http10) {
      return refuse(Reason::bad_request, "Transfer-Encoding in HTTP/1.0");
    }
    if (fields.transfer_encodings > 1) {
      return refuse(Reason::bad_request, "more than one Transfer-Encoding");
    }
    if (!iequals(fields.transfer_encoding, "chunked")) {
      return ends_in_chunked(fields.transfer_encoding)
                 ? refuse(Reason::not_implemented,
                          "Transfer-Encoding " + quoted(fields.transfer_encoding))
                 : refuse(Reason::bad_request,
                          "malformed Transfer-Encoding " + quoted(fields.transfer_encoding));
    }
    content.framing = Framing::chunked;
    return content;
  }
  if (fields.content_lengths == 0) return content;
  if (fields.content_lengths > 1) {
    return refuse(Reason::bad_request, "more than one Content-Length");
  }
  const auto length = parse_content_length(fields.content_length);
  if (!length) {
    return refuse(Reason::bad_request, "malformed Content-Length " + quoted(fields.content_length));
  }
  content.framing = Framing::length;
  content.length = *length;
  return content;
}

bool add_connection_options(std::string_view value, ConnectionOptions& options) noexcept {
  if (value == "keep-alive" && options.count < most_connection_options) {
    ++options.count;
    options.keep_alive = true;
    return true;
  }
  return for_each_element(value, [&](std::string_view option) {
    if (!is_token(option) || ++options.count > most_connection_options) return false;
    options.close = options.close || iequals(option, "close");
    options.keep_alive = options.keep_alive || iequals(option, "keep-alive");
    options.upgrade = options.upgrade || iequals(option, "upgrade");
    return true;
  });
}

}  // namespace weir::codec::h1
