// The kinds of values that blocks are made of, each bound to a variable.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/fields.hpp"
#include "config/scalars.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/config/rate.hpp"

namespace weir::config {

// The largest that can be written for what has no narrower bound: the bytes of a content, the bytes
// of a head, a number of things.
inline constexpr std::uint64_t largest_body = 1ULL << 50;
inline constexpr std::uint64_t largest_head = 16 * MiB;
inline constexpr std::uint64_t largest_count = 1'000'000'000;

enum class Zero : std::uint8_t { refused, allowed };

// `off`, for which T{} stands, or what `value` of the same variable reads, which is not T{}.
template <class T>
Value off_or(T& target, Value value) {
  Value out;
  out.read = [&target, read = std::move(value.read)](const Reader& in) {
    if (in.is_text()) {
      const auto written = in.text();
      if (!written) return;
      if (*written == "off" || *written == "false") {
        target = T{};
        return;
      }
    }
    const T before = std::exchange(target, T{});
    const std::size_t errors = in.context().problems.error_count();
    read(in);
    if (target == T{}) {
      target = before;
      if (in.context().problems.error_count() == errors) in.error("must be above 0, or off");
    }
  };
  out.print = [&target, print = std::move(value.print)] {
    return target == T{} ? Tree("off") : print();
  };
  out.schema = [schema = std::move(value.schema)] {
    Tree off = Tree::list();
    off.push("off");
    off.push(false);
    return any_of({schema(), Tree::map({{"enum", std::move(off)}})});
  };
  return out;
}

// What is wrong with a text; may bring it into its normal form.
using Check = std::optional<std::string> (*)(std::string& text);

Value flag(bool& target);
Value duration(Duration& target, Zero zero = Zero::refused);
Value size(std::uint64_t& target, Zero zero, std::uint64_t most);
// The same, above 0, or a word for what is told otherwise ("auto").
struct Word {
  std::string_view word;
  std::uint64_t value;
};
Value size_or(std::uint64_t& target, std::uint64_t most, Word word);
Value share(double& target);
Value rate(Rate& target);
Value text(std::string& target, Check check);
// A list of texts, none twice, or one text alone; so are the other lists of texts and words here.
Value texts(std::vector<std::string>& target, Check check);
Tree texts_schema();
// A name that is looked up later: what was written goes to `references`, too.
Value reference(std::string& target, std::vector<Written>& references);
Value references(std::vector<std::string>& target, std::vector<Written>& references);
Value cidrs(std::vector<Cidr>& target);

// An integer, with words for what numbers cannot say ("auto").
Value count_of(std::function<void(std::uint64_t)> set, std::function<std::uint64_t()> get,
               std::uint64_t least, std::uint64_t most, std::optional<Word> word);
template <std::integral T>
Value count(T& target, std::uint64_t least, std::uint64_t most, std::optional<Word> word = {}) {
  return count_of([&target](std::uint64_t value) { target = static_cast<T>(value); },
                  [&target] { return static_cast<std::uint64_t>(target); }, least, most, word);
}

// One of a few words. `on` and `off` may be written as booleans.
Value choice_of(std::function<void(std::size_t)> set, std::function<std::size_t()> get,
                std::vector<std::string_view> words, std::vector<std::string_view> unsupported);
template <class E>
Value choice(E& target, std::vector<std::pair<std::string_view, E>> choices,
             std::vector<std::string_view> not_yet = {}) {
  std::vector<std::string_view> words;
  words.reserve(choices.size());
  for (const auto& [word, value] : choices) words.push_back(word);
  auto set = [&target, choices](std::size_t index) { target = choices[index].second; };
  auto get = [&target, choices = std::move(choices)] {
    std::size_t index = 0;
    while (index + 1 < choices.size() && choices[index].second != target) ++index;
    return index;
  };
  return choice_of(std::move(set), std::move(get), std::move(words), std::move(not_yet));
}

// A word, or a list of just it, that has no alternative yet.
Value only(std::string_view word, std::vector<std::string_view> not_yet);
// A list of some of a few words, none twice, not empty.
Value list_of_words(std::function<void(const std::vector<std::size_t>&)> set,
                    std::function<std::vector<std::size_t>()> get,
                    std::vector<std::string_view> words, std::vector<std::string_view> not_yet);

// A text's own schema.
Tree text_schema();

}  // namespace weir::config
