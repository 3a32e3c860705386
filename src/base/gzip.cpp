#include "weir/base/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace weir {

std::string gzip(std::string_view bytes) {
  constexpr int window_of_gzip = 15 + 16;
  constexpr int memory_level = 8;  // zlib's own default
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_of_gzip, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  struct End {
    z_stream* of;
    ~End() { ::deflateEnd(of); }
  } const end{&stream};
  std::string out(std::max<std::size_t>(bytes.size() / 8, 256), '\0');
  std::size_t made = 0;
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  while (true) {
    const std::size_t in = std::min(bytes.size(), most);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(in);
    const std::size_t room = std::min(out.size() - made, most);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(room);
    const int state = ::deflate(&stream, in == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    bytes.remove_prefix(in - stream.avail_in);
    made += room - stream.avail_out;
    if (state == Z_STREAM_END) break;
    if (stream.avail_out == 0) out.resize(out.size() * 2);
  }
  out.resize(made);
  return out;
}

}  // namespace weir
