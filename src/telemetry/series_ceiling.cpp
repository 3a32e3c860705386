#include "telemetry/series_ceiling.hpp"

#include <algorithm>
#include <functional>

namespace weir::telemetry {
namespace {

std::uint64_t hash_of(std::string_view labels) noexcept {
  return std::hash<std::string_view>()(labels);
}

}  // namespace

void SeriesCeiling::begin(std::uint64_t most) {
  most_ = most;
  ++pass_;
}

bool SeriesCeiling::admits(std::string_view labels) {
  const std::uint64_t hash = hash_of(labels);
  const auto known = shown_.find(hash);
  if (known != shown_.end()) {
    known->second = pass_;
    return true;
  }
  if (shown_.size() >= most_) return false;
  shown_.emplace(hash, pass_);
  return true;
}

void SeriesCeiling::fold(std::string_view labels, std::string_view other, const Values& values,
                         Fold how) {
  auto into = others_.find(other);
  if (into == others_.end()) into = others_.emplace(other, Other{}).first;
  Folded& folded = folded_[hash_of(labels)];
  folded.pass = pass_;
  folded.other = &into->second;
  folded.values = values;
  folded.how = how;
}

void SeriesCeiling::add(Values& to, const Values& values, Fold how, bool first) {
  if (first) {
    to = values;
    return;
  }
  for (std::size_t i = 0; i < std::min(to.size(), values.size()); ++i) {
    switch (how) {
      case Fold::total:
      case Fold::sum:
        to[i] += values[i];
        break;
      case Fold::largest:
        to[i] = std::max(to[i], values[i]);
        break;
      case Fold::least:
        to[i] = std::min(to[i], values[i]);
        break;
    }
  }
}

void SeriesCeiling::settle() {
  std::erase_if(shown_, [this](const auto& each) { return each.second != pass_; });
  std::erase_if(folded_, [this](const auto& each) {
    const Folded& folded = each.second;
    if (folded.pass == pass_) return false;
    Other& other = *folded.other;
    if (folded.how == Fold::total) add(other.gone, folded.values, Fold::total, other.gone.empty());
    return true;
  });
  for (auto& [labels, other] : others_) {
    other.now = other.gone;
    other.shown = !other.gone.empty();
  }
  for (const auto& [hash, folded] : folded_) {
    Other& other = *folded.other;
    add(other.now, folded.values, folded.how, !other.shown);
    other.shown = true;
  }
}

SeriesCeiling& SeriesCeilings::of(std::string_view family) {
  const auto found = families_.find(family);
  return found != families_.end() ? found->second : families_[std::string(family)];
}

}  // namespace weir::telemetry
