// Chunked content, strictly and with faults forgiven: arriving in pieces changes nothing, and
// content is what lies between framing.
#include "codec/h1/chunked_decoder.hpp"
#include "incremental.hpp"

namespace {

using namespace weir;
using namespace weir::codec::h1;
using weir::fuzz::append;
using weir::fuzz::require;

class Transcript {
 public:
  explicit Transcript(config::Lenient lenient) : decoder_(Underscores::drop, lenient) {}

  // Offers what is not consumed yet of the first `arrived` bytes.
  void offer(std::string_view bytes, std::size_t arrived) {
    while (!failed_ && !decoder_.done()) {
      // A copy of its own: nothing may be kept of earlier bytes.
      const std::string seen(bytes.substr(consumed_, arrived - consumed_));
      const auto step = decoder_.next(seen);
      if (!step) {
        failed_ = true;
        detail_ = step.error();
        return;
      }
      require(step->consumed <= seen.size(), "no more is consumed than there is");
      require(step->data.size() <= step->consumed, "content is within what is consumed");
      require(step->data.empty() ||
                  (step->data.data() >= seen.data() &&
                   step->data.data() + step->data.size() <= seen.data() + step->consumed),
              "content points into what is consumed");
      consumed_ += step->consumed;
      data_ += step->data;
      if (step->consumed == 0) return;
    }
  }

  std::string text() const {
    std::string out;
    append(out, failed_ ? detail_ : std::string(decoder_.done() ? "done" : "more"));
    append(out, data_);
    if (!decoder_.done()) return out;
    append(out, consumed_);
    fuzz::require_sound(decoder_.trailers());
    require(!decoder_.trailers().contains(FieldId::content_length) &&
                !decoder_.trailers().contains(FieldId::transfer_encoding) &&
                !decoder_.trailers().contains(FieldId::host) &&
                !decoder_.trailers().contains(FieldId::authorization),
            "trailers frame, route and authenticate nothing");
    append(out, decoder_.trailers());
    return out;
  }

 private:
  ChunkedDecoder decoder_;
  std::string data_;
  std::string detail_;
  std::size_t consumed_ = 0;
  bool failed_ = false;
};

}  // namespace

namespace {

std::string check(const std::string& bytes, config::Lenient lenient) {
  Transcript whole(lenient);
  whole.offer(bytes, bytes.size());
  const std::string expected = whole.text();

  for (std::size_t cut = 0; cut < bytes.size(); cut += fuzz::split_stride(bytes.size())) {
    Transcript split(lenient);
    split.offer(bytes, cut);
    split.offer(bytes, bytes.size());
    require(split.text() == expected, "a split changes nothing");
  }
  Transcript dripped(lenient);
  for (std::size_t seen = 0; seen <= bytes.size(); ++seen) dripped.offer(bytes, seen);
  require(dripped.text() == expected, "single bytes change nothing");
  return expected;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string strict = check(bytes, {});
  const std::string lenient = check(bytes, {.bare_lf = true, .padded_chunk_size = true});
  require(!strict.starts_with("done") || lenient == strict,
          "what is well-formed is read the same when faults are forgiven");
  return 0;
}
