#include "codec/h1/request_target.hpp"

#include <algorithm>

#include "codec/h1/field_lines.hpp"
#include "codec/h1/scan.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

void split_query(std::string_view text, RequestHead& head) noexcept {
  const std::size_t mark = text.find('?');
  head.path = text.substr(0, mark);
  head.has_query = mark != std::string_view::npos;
  if (head.has_query) head.query = text.substr(mark + 1);
}

}  // namespace

std::expected<void, Refusal> split_target(RequestHead& head) {
  if (head.method == Method::connect || head.method == Method::trace) {
    return refuse(Reason::not_implemented, "method " + quoted(head.method_text));
  }
  std::string_view rest = head.target;
  if (rest.front() == '/') {
    split_query(rest, head);
    return {};
  }
  if (rest == "*") {
    if (head.method != Method::options) {
      return refuse(Reason::bad_request, "the target * is for OPTIONS only");
    }
    head.path = rest;
    return {};
  }
  if (istarts_with(rest, "http://")) {
    rest.remove_prefix(7);
  } else if (istarts_with(rest, "https://")) {
    rest.remove_prefix(8);
  } else {
    return refuse(Reason::bad_request, "malformed request target " + quoted(head.target));
  }
  const std::size_t authority_end = rest.find_first_of("/?");
  head.authority = rest.substr(0, authority_end);
  if (head.authority.empty()) return refuse(Reason::bad_request, "no host in the request target");
  if (head.authority.find('@') != std::string_view::npos) {
    return refuse(Reason::bad_request, "user information in the request target");
  }
  if (authority_end == std::string_view::npos) {
    // RFC 9112 section 3.2.4: this is how OPTIONS * comes through a proxy.
    head.path = head.method == Method::options ? "*" : "/";
    return {};
  }
  split_query(rest.substr(authority_end), head);
  if (head.path.empty()) head.path = "/";
  return {};
}

bool has_raw_authority(std::string_view target) noexcept {
  if (target.starts_with('/')) return false;
  const std::size_t scheme = target.find("://");
  const std::size_t path = scheme == std::string_view::npos
                               ? std::string_view::npos
                               : target.find_first_of("/?", scheme + 3);
  return std::ranges::any_of(target.substr(0, path), is_raw_byte);
}

std::optional<std::string_view> encode_raw_bytes(std::string_view target, std::size_t most,
                                                 Arena& arena) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  const auto raw = static_cast<std::size_t>(std::ranges::count_if(target, is_raw_byte));
  if (raw == 0) return target;
  const std::size_t size = target.size() + 2 * raw;
  if (size > most) return std::nullopt;
  char* const out = arena.allocate(size);
  char* at = out;
  for (const char c : target) {
    if (is_raw_byte(c)) {
      const auto byte = static_cast<unsigned char>(c);
      *at++ = '%';
      *at++ = hex[byte >> 4];
      *at++ = hex[byte & 15];
    } else {
      *at++ = c;
    }
  }
  return std::string_view(out, size);
}

}  // namespace weir::codec::h1
