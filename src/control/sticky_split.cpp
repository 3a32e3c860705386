#include "weir/control/sticky_split.hpp"

#include <algorithm>
#include <numeric>

namespace weir::control {
namespace {

constexpr std::uint64_t places = std::uint64_t{1} << 32;

// [begin, end) of the line, owned by `option`.
struct Piece {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint32_t option;
};

// The n-th of 0, 1/2, 1/4, 3/4, 1/8 ... of the line: as far from those before as can be.
std::uint64_t nth_anchor(std::uint32_t n) noexcept {
  std::uint64_t out = 0;
  for (std::uint64_t step = places / 2; n != 0; n >>= 1, step /= 2) out += (n & 1) * step;
  return out;
}

class Line {
 public:
  // Gives `option` as many free places as it asks for, from `anchor` upwards, then from the start.
  void take_up(std::uint64_t anchor, std::uint64_t wanted, std::uint32_t option) {
    for (const auto& [from, to] :
         {std::pair{anchor, places}, std::pair{std::uint64_t{0}, anchor}}) {
      std::vector<Piece> took;
      std::uint64_t at = from;
      for (const Piece& piece : taken_) {
        if (wanted == 0 || piece.begin >= to) break;
        if (piece.end <= at) continue;
        if (piece.begin > at) take(took, at, std::min(piece.begin, at + wanted), option, wanted);
        at = std::max(at, piece.end);
      }
      if (wanted != 0 && at < to) take(took, at, std::min(to, at + wanted), option, wanted);
      add(took);
    }
  }
  // The same downwards.
  void take_down(std::uint64_t anchor, std::uint64_t wanted, std::uint32_t option) {
    mirror();
    take_up(places - anchor, wanted, option);
    mirror();
  }
  // What nobody took is `option`'s.
  std::vector<Piece> filled(std::uint32_t option) && {
    std::vector<Piece> rest;
    std::uint64_t at = 0;
    for (const Piece& piece : taken_) {
      if (piece.begin > at) rest.push_back({at, piece.begin, option});
      at = piece.end;
    }
    if (at < places) rest.push_back({at, places, option});
    add(rest);
    return std::move(taken_);
  }

 private:
  static void take(std::vector<Piece>& took, std::uint64_t begin, std::uint64_t end,
                   std::uint32_t option, std::uint64_t& wanted) {
    took.push_back({begin, end, option});
    wanted -= end - begin;
  }
  void add(const std::vector<Piece>& pieces) {
    taken_.insert(taken_.end(), pieces.begin(), pieces.end());
    std::ranges::sort(taken_, {}, &Piece::begin);
  }
  void mirror() {
    for (Piece& piece : taken_) {
      piece = {places - piece.end, places - piece.begin, piece.option};
    }
    std::ranges::reverse(taken_);
  }

  std::vector<Piece> taken_;  // in order, none over another
};

}  // namespace

StickySplit::StickySplit(std::span<const std::uint32_t> weights) {
  const auto sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  Line line;
  // Who has what rounding leaves over: never one of weight 0.
  std::uint32_t rest = 0;
  for (std::uint32_t i = 1; sum != 0 && i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    if (weights[rest] == 0) rest = i;
    // An own share says it all: whatever the others have, its places are these or more.
    const std::uint64_t own = weights[i] * places / sum;
    const std::uint64_t anchor = nth_anchor((i - 1) / 2);
    (i % 2) == 1 ? line.take_up(anchor, own, i) : line.take_down(places - anchor, own, i);
  }
  for (const Piece& piece : std::move(line).filled(rest)) {
    if (!runs_.empty() && runs_.back().option == piece.option) runs_.pop_back();
    runs_.push_back({static_cast<Place>(piece.end - 1), piece.option});
  }
}

std::size_t StickySplit::pick(Place place) const noexcept {
  if (runs_.size() == 1) return runs_.front().option;
  return std::ranges::lower_bound(runs_, place, {}, &Run::last)->option;
}

}  // namespace weir::control
