#include "weir/telemetry/occasional.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace weir::telemetry::log {
namespace {

// Counts that are written in one go: the main thread has other things to do as well.
constexpr std::size_t most_at_once = 64;
constexpr std::string_view overflow = "further failures";

std::string text_of(const Field::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    return std::string(text->substr(0, Occasional::longest_value));
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* count = std::get_if<std::uint64_t>(&value)) return std::to_string(*count);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  return std::get<bool>(value) ? "true" : "false";
}

// The name of a kind, on the stack where its fields are texts of usual length.
class KindName {
 public:
  KindName(std::string_view message, Fields kind) {
    append(message);
    for (const Field& field : kind) {
      append(std::string_view("\0", 1));
      if (const auto* text = std::get_if<std::string_view>(&field.value)) {
        append(text->substr(0, Occasional::longest_value));
      } else {
        append(text_of(field.value));
      }
    }
  }
  std::string_view view() const noexcept { return {name_.data(), size_}; }

 private:
  void append(std::string_view text) noexcept {
    text = text.substr(0, name_.size() - size_);
    std::ranges::copy(text, name_.data() + size_);
    size_ += text.size();
  }

  std::array<char, 1024> name_;
  std::size_t size_ = 0;
};

}  // namespace

void Occasional::tell(TimePoint now, Level level, std::string_view message, Fields kind,
                      Fields more) noexcept {
  try {
    if (!note(now, level, message, kind, more)) return;
    std::vector<Field> fields(kind);
    fields.insert(fields.end(), more);
    write_(level, message, fields);
  } catch (const std::exception&) {
    // No memory for a line.
  }
}

bool Occasional::note(TimePoint now, Level level, std::string_view message, Fields kind,
                      Fields more) {
  const KindName name(message, kind);
  const std::lock_guard lock(mutex_);
  auto found = kinds_.find(name.view());
  bool first = found == kinds_.end();
  if (first && kinds_.size() >= most_kinds) {
    // One that is told apart from all others: what is beyond the table.
    found = kinds_.find(overflow);
    if (found == kinds_.end()) {
      found = kinds_.emplace(std::string(overflow), Kind{}).first;
      found->second.level = Level::warn;
      found->second.message = overflow;
      found->second.due = now + interval;
    }
    ++found->second.times;
    return false;
  }
  if (first) {
    found = kinds_.emplace(std::string(name.view()), Kind{}).first;
    found->second.level = level;
    found->second.message = message;
    for (const Field& field : kind) {
      found->second.kind.push_back({field.key, text_of(field.value)});
    }
    found->second.due = now + interval;
  } else {
    ++found->second.times;
  }
  Kind& entry = found->second;
  entry.more.resize(more.size());
  std::size_t i = 0;
  for (const Field& field : more) {
    Text& text = entry.more[i++];
    text.key = field.key;
    if (const auto* value = std::get_if<std::string_view>(&field.value)) {
      text.value.assign(value->substr(0, longest_value));
    } else {
      text.value = text_of(field.value);
    }
  }
  return first;
}

std::vector<Occasional::Kind> Occasional::take_due(TimePoint now, std::size_t most) {
  std::vector<Kind> out;
  const std::lock_guard lock(mutex_);
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    if (now < kind.due || out.size() == most) {
      ++at;
    } else if (kind.times == 0) {
      at = kinds_.erase(at);  // a quiet minute: the next one is a first again
    } else {
      out.push_back(kind);
      kind.times = 0;
      kind.due = std::max(kind.due + interval, now);
      ++at;
    }
  }
  return out;
}

void Occasional::write_counts(const std::vector<Kind>& kinds) const {
  for (const Kind& kind : kinds) {
    std::vector<Field> fields;
    for (const Text& text : kind.kind) fields.emplace_back(text.key, text.value);
    for (const Text& text : kind.more) fields.emplace_back(text.key, text.value);
    fields.emplace_back("times", kind.times);
    write_(kind.level, kind.message, fields);
  }
}

void Occasional::tell_counts(TimePoint now) noexcept {
  try {
    write_counts(take_due(now, most_at_once));
  } catch (const std::exception&) {
    // No memory for the lines.
  }
}

void Occasional::tell_all_counts() noexcept {
  try {
    write_counts(take_due(TimePoint::max(), most_kinds + 1));
  } catch (const std::exception&) {
    // No memory for the lines.
  }
}

namespace {

Occasional& of_process() {
  static Occasional occasional(
      [](Level level, std::string_view message, std::span<const Field> fields) {
        write(level, message, fields);
      });
  return occasional;
}

}  // namespace

void occasionally(TimePoint now, Level level, std::string_view message, Fields kind,
                  Fields more) noexcept {
  if (enabled(level)) of_process().tell(now, level, message, kind, more);
}
void tell_counts(TimePoint now) noexcept { of_process().tell_counts(now); }
void tell_all_counts() noexcept { of_process().tell_all_counts(); }

}  // namespace weir::telemetry::log
