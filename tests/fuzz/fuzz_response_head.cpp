// Response heads: what is accepted is sound, and arriving in pieces changes nothing. The first byte
// chooses the request's method and the limits.
#include "codec/h1/head_parser.hpp"
#include "incremental.hpp"

namespace {

using namespace weir;
using namespace weir::codec::h1;
using weir::fuzz::append;
using weir::fuzz::require;

std::string describe(const Consumed& consumed, const ResponseHead& head) {
  std::string out;
  if (!consumed) {
    append(out, name(consumed.error().reason));
    append(out, consumed.error().detail);
    return out;
  }
  append(out, *consumed);
  if (*consumed == 0) return out;
  append(out, head.phrase);
  append(out, static_cast<unsigned>(head.status));
  append(out, static_cast<unsigned>(head.version));
  append(out, static_cast<unsigned>(head.framing));
  append(out, head.content_length);
  append(out, static_cast<unsigned>(head.keep_alive));
  append(out, head.headers);
  return out;
}

void require_sound(const ResponseHead& head, Method method) {
  fuzz::require_sound(head.headers);
  fuzz::require_one_line(head.phrase);
  require(head.status >= 100 && head.status <= 599, "a status is one of the five classes");
  require(head.framing != Framing::until_close || !head.keep_alive,
          "what ends with the connection does not keep it");
  const bool never =
      head.status < 200 || head.status == 204 || head.status == 304 || method == Method::head;
  require(!never || head.framing == Framing::none, "no content where there is none");
  const std::size_t lengths = head.headers.count(FieldId::content_length);
  const std::size_t codings = head.headers.count(FieldId::transfer_encoding);
  require(lengths + codings <= 1, "one field frames the content");
  if (never) return;
  require((head.framing == Framing::length) == (lengths == 1), "length as Content-Length says");
  require((head.framing == Framing::chunked) == (codings == 1), "chunked as its field says");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Method method = (data[0] & 1) != 0 ? Method::head : Method::get;
  HeadLimits limits;
  if ((data[0] & 2) != 0) limits = {20, 250, 4, Underscores::reject};
  limits.bare_lf = (data[0] & 4) != 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  ResponseHead whole;
  const Consumed consumed = ResponseHeadParser(limits, method).parse(bytes, whole);
  if (consumed && *consumed != 0) {
    require(*consumed <= bytes.size(), "no more is consumed than there is");
    require_sound(whole, method);
  }
  const std::string expected = describe(consumed, whole);

  for (std::size_t cut = 0; cut < bytes.size(); cut += fuzz::split_stride(bytes.size())) {
    ResponseHead head;
    ResponseHeadParser parser(limits, method);
    Consumed split = parser.parse(std::string(bytes, 0, cut), head);
    if (split && *split == 0) split = parser.parse(bytes, head);
    require(describe(split, head) == expected, "a split changes nothing");
  }
  ResponseHead head;
  ResponseHeadParser parser(limits, method);
  Consumed dripped = 0;
  for (std::size_t seen = 0; seen <= bytes.size() && dripped && *dripped == 0; ++seen) {
    dripped = parser.parse(std::string_view(bytes).substr(0, seen), head);
  }
  require(describe(dripped, head) == expected, "single bytes change nothing");
  return 0;
}
