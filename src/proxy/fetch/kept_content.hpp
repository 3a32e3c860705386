// A request's content, kept as it goes to the upstream in case the request has to be sent again; up
// to 64 KiB. Worker thread only.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "weir/base/arena.hpp"
#include "weir/http/body.hpp"

namespace weir::proxy {

class KeptContent {
 public:
  static constexpr std::size_t most = std::size_t{64} << 10;  // bytes

  // The whole content, empty when it is not kept; lives as long as the arena.
  Bytes whole() const noexcept { return whole_; }
  // `content` is all of it: returns the copy that is kept, or itself where it is too long.
  Bytes keep_whole(Bytes content, Arena& arena) {
    if (content.size() > most) return content;
    whole_ = as_bytes(arena.copy(as_text(content)));
    return whole_;
  }

  // Pieces are added from now on, until there is no need for them or they are too many.
  void begin() noexcept { adding_ = true; }
  bool adding() const noexcept { return adding_; }
  void add(Bytes piece) {
    if (!adding_) return;
    if (pieces_.size() + piece.size() > most) return drop();
    pieces_ += as_text(piece);
  }
  void drop() noexcept {
    adding_ = false;
    if (!pieces_.empty()) std::string().swap(pieces_);
  }
  // No piece follows.
  void end(Arena& arena) {
    if (!pieces_.empty()) whole_ = as_bytes(arena.copy(pieces_));
    drop();
  }

 private:
  Bytes whole_;
  std::string pieces_;  // those up to now
  bool adding_ = false;
};

}  // namespace weir::proxy
