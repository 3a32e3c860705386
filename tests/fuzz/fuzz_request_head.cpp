// Request heads: what is accepted is sound, and arriving in pieces changes nothing. The first byte
// chooses the limits.
#include "codec/h1/head_parser.hpp"
#include "incremental.hpp"

namespace {

using namespace weir;
using namespace weir::codec::h1;
using weir::fuzz::append;
using weir::fuzz::require;
using weir::fuzz::require_one_line;

HeadLimits limits_of(std::uint8_t choice) {
  HeadLimits limits;
  limits.underscores = static_cast<Underscores>(choice % 3);
  if ((choice & 4) != 0) limits = {20, 250, 4, limits.underscores};
  limits.encode_raw_target = (choice & 8) != 0;
  return limits;
}

// All that a parser said, as one text.
std::string describe(const Consumed& consumed, const RequestHead& head) {
  std::string out;
  if (!consumed) {
    append(out, name(consumed.error().reason));
    append(out, consumed.error().detail);
    return out;
  }
  append(out, *consumed);
  if (*consumed == 0) return out;
  for (const std::string_view text :
       {head.method_text, head.target, head.authority, head.host, head.path, head.query}) {
    append(out, text);
  }
  append(out, static_cast<unsigned>(head.version));
  append(out, static_cast<unsigned>(head.framing));
  append(out, head.content_length);
  for (const bool fact : {head.has_query, head.keep_alive, head.expect_continue, head.te_trailers,
                          head.upgrade_websocket}) {
    append(out, static_cast<unsigned>(fact));
  }
  append(out, head.headers);
  return out;
}

void require_sound(const RequestHead& head, const HeadLimits& limits) {
  fuzz::require_sound(head.headers);
  for (const std::string_view text :
       {head.method_text, head.target, head.authority, head.host, head.path, head.query}) {
    require_one_line(text);
    require(text.find(' ') == std::string_view::npos, "no space in the request line's parts");
  }
  require(!head.path.empty(), "there is a path");
  require(head.path.front() == '/' || head.path == "*", "a path is absolute");
  require(head.target.size() <= limits.uri_size, "the target is within its limit");
  require(head.headers.size() <= limits.header_count, "the fields are within their limit");
  require(head.version == Version::http10 || !head.host.empty(), "there is a host");
  require(head.headers.count(FieldId::host) <= 1, "there is one Host");

  const std::size_t lengths = head.headers.count(FieldId::content_length);
  const std::size_t codings = head.headers.count(FieldId::transfer_encoding);
  require(head.framing != Framing::until_close, "a request is delimited");
  require((head.framing == Framing::length) == (lengths == 1), "length as Content-Length says");
  require((head.framing == Framing::chunked) == (codings == 1), "chunked as its field says");
  require(lengths + codings <= 1, "one field frames the content");
  require(!head.upgrade_websocket || head.method == Method::get, "a handshake is a GET");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const HeadLimits limits = limits_of(data[0]);
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  RequestHead whole;
  const Consumed consumed = RequestHeadParser(limits).parse(bytes, whole);
  if (consumed && *consumed != 0) {
    require(*consumed <= bytes.size(), "no more is consumed than there is");
    require_sound(whole, limits);
  }
  const std::string expected = describe(consumed, whole);

  for (std::size_t cut = 0; cut < bytes.size(); cut += fuzz::split_stride(bytes.size())) {
    RequestHead head;
    RequestHeadParser parser(limits);
    Consumed split = parser.parse(std::string(bytes, 0, cut), head);
    if (split && *split == 0) split = parser.parse(bytes, head);
    require(describe(split, head) == expected, "a split changes nothing");
  }
  RequestHead head;
  RequestHeadParser parser(limits);
  Consumed dripped = 0;
  for (std::size_t seen = 0; seen <= bytes.size() && dripped && *dripped == 0; ++seen) {
    dripped = parser.parse(std::string_view(bytes).substr(0, seen), head);
  }
  require(describe(dripped, head) == expected, "single bytes change nothing");

  RequestHead kept;
  RequestHeadParser forgetful(limits);
  Consumed last = 0;
  std::size_t forgotten = 0;
  for (std::size_t seen = 0; seen <= bytes.size() && last && *last == 0; ++seen) {
    forgotten += forgetful.forget_done();
    require(forgotten <= seen, "what is forgotten was there");
    last = forgetful.parse(std::string(bytes, forgotten, seen - forgotten), kept);
  }
  if (last && *last != 0) last = *last + forgotten;
  require(describe(last, kept) == expected, "what is done with is not needed again");
  return 0;
}
