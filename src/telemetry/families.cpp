#include "telemetry/families.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "telemetry/text_format.hpp"

namespace weir::telemetry {
namespace {

constexpr std::string_view other = "_other";

// Labels whose values are names of the configuration, or of what it finds. The others have few
// values whatever is configured.
bool is_a_name(std::string_view label) noexcept {
  constexpr std::array<std::string_view, 10> names{"route",    "upstream", "endpoint", "listener",
                                                   "name",     "policy",   "issuer",   "zone",
                                                   "provider", "worker"};
  return std::ranges::find(names, label) != names.end();
}

using BoundTexts = std::array<std::string, Histogram::bound_count>;

BoundTexts bound_texts(TextFormat format) {
  BoundTexts out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = bound_text(Histogram::bounds[i], format);
  return out;
}

const BoundTexts& bounds_of(TextFormat format) {
  static const BoundTexts prometheus = bound_texts(TextFormat::prometheus);
  static const BoundTexts openmetrics = bound_texts(TextFormat::openmetrics);
  return format == TextFormat::openmetrics ? openmetrics : prometheus;
}

// The later of two, where there are two.
void take_later(const Exemplar*& best, const Exemplar& one) noexcept {
  if (one.trace && (best == nullptr || best->when < one.when)) best = &one;
}

}  // namespace

void HistogramSum::add(const Histogram& shard) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += shard.in_bucket(i);
  nanoseconds += shard.sum_nanoseconds();
  const Exemplars* kept = shard.exemplars();
  if (kept == nullptr) return;
  exemplars.resize(bucket_count);
  for (std::size_t i = 0; i < bucket_count; ++i) {
    const auto found = kept->of(i);
    if (found && found->when > exemplars[i].when) exemplars[i] = *found;
  }
}

Family::Family(FamilyKind kind, std::string_view name, std::string_view help,
               const Writing& writing, Fold fold)
    : kind_(kind), name_(name), help_(help), writing_(writing), fold_(fold) {
  if (!writing.asked.wants(name)) return;
  ceiling_ = &writing.ceilings.of(name);
  ceiling_->begin(writing.settings.max_series);
}

bool Family::begin_series(Labels labels) {
  labels_.clear();
  for (const Label& label : labels) {
    if (!labels_.empty()) labels_ += ',';
    append_label(labels_, label.name, label.value);
  }
  return ceiling_->admits(labels_);
}

void Family::fold(Labels labels, const SeriesCeiling::Values& values, Fold how) {
  other_labels_.clear();
  for (const Label& label : labels) {
    if (!other_labels_.empty()) other_labels_ += ',';
    append_label(other_labels_, label.name, is_a_name(label.name) ? other : label.value);
  }
  ceiling_->fold(labels_, other_labels_, values, how);
}

void Family::counter(Labels labels, std::uint64_t value) {
  counter_of(labels, static_cast<double>(value));
}

void Family::counter_of(Labels labels, double value) {
  if (ceiling_ == nullptr) return;
  if (begin_series(labels)) return write_value(labels_, value);
  fold(labels, {value}, Fold::total);
}

void Family::gauge(Labels labels, double value) {
  if (ceiling_ == nullptr) return;
  if (begin_series(labels)) return write_value(labels_, value);
  fold(labels, {value}, fold_);
}

void Family::histogram(Labels labels, const HistogramSum& sum) {
  if (ceiling_ == nullptr) return;
  const bool is_shown = begin_series(labels);
  values_.assign(sum.buckets.begin(), sum.buckets.end());
  values_.push_back(static_cast<double>(sum.nanoseconds));
  if (is_shown) return write_histogram(labels_, values_, sum.exemplars);
  fold(labels, values_, Fold::total);
}

void Family::write_value(std::string_view labels, double value) {
  text_ += name_;
  if (!labels.empty()) {
    text_ += '{';
    text_ += labels;
    text_ += '}';
  }
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Family::write_bucket(std::string_view labels, std::string_view bound, double cumulative,
                          const Exemplar* exemplar) {
  text_ += name_;
  text_ += "_bucket{";
  text_ += labels;
  if (!labels.empty()) text_ += ',';
  text_ += "le=\"";
  text_ += bound;
  text_ += "\"} ";
  append_number(text_, cumulative);
  if (exemplar != nullptr) append_exemplar(text_, *exemplar);
  text_ += '\n';
}

void Family::write_histogram(std::string_view labels, const SeriesCeiling::Values& values,
                             const std::vector<Exemplar>& exemplars) {
  const BoundTexts& bounds = bounds_of(writing_.asked.format);
  const bool is_fine = writing_.settings.detail == config::MetricsDetail::fine;
  const bool tells_exemplars = is_openmetrics() && !exemplars.empty();
  double cumulative = 0;
  std::size_t coarse = 0;
  const Exemplar* exemplar = nullptr;
  for (std::size_t i = 0; i < Histogram::bound_count; ++i) {
    cumulative += values[i];
    if (tells_exemplars) take_later(exemplar, exemplars[i]);
    if (!is_fine && Histogram::coarse[coarse] != i) continue;
    ++coarse;
    write_bucket(labels, bounds[i], cumulative, exemplar);
    exemplar = nullptr;
  }
  cumulative += values[Histogram::bound_count];
  if (tells_exemplars) take_later(exemplar, exemplars[Histogram::bound_count]);
  write_bucket(labels, "+Inf", cumulative, exemplar);
  const auto ending = [&](std::string_view suffix, double value) {
    text_ += name_;
    text_ += suffix;
    if (!labels.empty()) {
      text_ += '{';
      text_ += labels;
      text_ += '}';
    }
    text_ += ' ';
    append_number(text_, value);
    text_ += '\n';
  };
  ending("_count", cumulative);
  ending("_sum", values[Histogram::bound_count + 1] / 1e9);
}

void Family::append_to(std::string& out) && {
  if (ceiling_ == nullptr) return;
  ceiling_->end([this](std::string_view labels, const SeriesCeiling::Values& values) {
    if (kind_ == FamilyKind::histogram) return write_histogram(labels, values, {});
    write_value(labels, values.front());
  });
  if (text_.empty()) return;
  append_heading(out, kind_, name_, help_, writing_.asked.format);
  out += text_;
}

}  // namespace weir::telemetry
