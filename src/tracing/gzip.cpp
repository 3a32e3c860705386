#include "tracing/gzip.hpp"

#include <zlib.h>

namespace weir::tracing {
namespace {

constexpr int gzip_window = 15 + 16;  // the largest, with gzip's head and tail
constexpr int usual_memory = 8;

}  // namespace

std::optional<std::string> gzip(std::string_view text) {
  z_stream stream{};
  // The fastest level: spans are so alike that it already leaves a sixth.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, usual_memory,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace weir::tracing
