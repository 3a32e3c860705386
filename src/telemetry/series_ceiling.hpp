// At most so many series of a family are shown; the rest are added up in series of the name
// `_other`. What is shown stays shown, and counters of `_other` never fall, so that rates are
// right. Guarded by Metrics.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::telemetry {

// How series that are added up come to one value.
enum class Fold : std::uint8_t {
  total,    // counters and histograms: what has left still counts
  sum,      // levels
  largest,  // where the largest is the one to worry about
  least,
};

// Of one family, over all scrapes. A pass is one scrape of it: begin(), take() of each series,
// end().
class SeriesCeiling {
 public:
  // A value has one number, a histogram as many as it takes.
  using Values = std::vector<double>;

  void begin(std::uint64_t most);
  // Whether the series with these labels is shown itself.
  bool admits(std::string_view labels);
  // One that is not: it goes into the series with the labels `other`.
  void fold(std::string_view labels, std::string_view other, const Values& values, Fold how);
  // Calls fn(labels, values) for each series of `_other`, and forgets what has left.
  template <class Fn>
  void end(Fn&& fn) {
    settle();
    for (const auto& [labels, other] : others_) {
      if (other.shown) fn(labels, other.now);
    }
  }
  // Series that were folded in the last pass.
  std::uint64_t folded() const noexcept { return folded_.size(); }

 private:
  struct Other {
    Values gone;  // of totals whose series left, or are shown themselves now
    Values now;
    bool shown = false;
  };
  struct Folded {
    std::uint64_t pass = 0;
    Other* other = nullptr;
    Values values;
    Fold how = Fold::total;
  };
  void settle();
  static void add(Values& to, const Values& values, Fold how, bool first);

  std::uint64_t most_ = 0;
  std::uint64_t pass_ = 0;
  // By a hash of the labels, with the pass in which they were last there. Two series that share one
  // take one place.
  std::unordered_map<std::uint64_t, std::uint64_t> shown_;
  std::unordered_map<std::uint64_t, Folded> folded_;
  std::map<std::string, Other, std::less<>> others_;  // by labels
};

// Of all families, by name.
class SeriesCeilings {
 public:
  SeriesCeiling& of(std::string_view family);
  // Calls fn(family, folded) for each that has folded series.
  template <class Fn>
  void for_each_folded(Fn&& fn) const {
    for (const auto& [family, ceiling] : families_) {
      if (ceiling.folded() != 0) fn(std::string_view(family), ceiling.folded());
    }
  }

 private:
  std::map<std::string, SeriesCeiling, std::less<>> families_;
};

}  // namespace weir::telemetry
