#include "config/kinds.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "config/checks.hpp"
#include "config/foreign_values.hpp"
#include "config/schema.hpp"

namespace weir::config {
namespace {

constexpr std::string_view duration_pattern = R"(^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h|d)|0)$)";
constexpr std::string_view size_pattern = "^([0-9]+(B|KB|MB|GB|KiB|MiB|GiB)|0)$";
constexpr std::string_view share_pattern = R"(^([0-9]+(\.[0-9]{1,9})?%|0)$)";

// Text of a pattern, or a number 0 where zero is allowed.
Tree measure_schema(std::string_view pattern, Zero zero) {
  Tree text = Tree::map({{"type", "string"}, {"pattern", pattern}});
  if (zero == Zero::refused) return or_variable(std::move(text));
  return or_variable(any_of({std::move(text), Tree::map({{"const", std::int64_t{0}}})}));
}

// One of these words; `on` and `off` as booleans, too.
Tree words_schema(const std::vector<std::string_view>& words) {
  Tree values = Tree::list();
  for (const std::string_view word : words) {
    values.push(word);
    if (word == "off") values.push(false);
    if (word == "on") values.push(true);
  }
  return Tree::map({{"enum", std::move(values)}});
}

std::optional<std::string> checked_text(const Reader& in, Check check) {
  auto written = in.text();
  if (!written) return std::nullopt;
  if (auto wrong = check(*written)) {
    in.error(std::move(*wrong));
    return std::nullopt;
  }
  return written;
}

Tree print_texts(const std::vector<std::string>& texts) {
  Tree out = Tree::list();
  for (const std::string& each : texts) out.push(each);
  return out;
}

void read_texts(const Reader& in, std::vector<std::string>& target, Check check) {
  target.clear();
  in.each_item_or_text([&](const Reader& item) {
    auto written = checked_text(item, check);
    if (!written) return;
    if (std::ranges::find(target, *written) != target.end()) {
      item.error(in_quotes(*written) + " is given twice");
    } else {
      target.push_back(std::move(*written));
    }
  });
}

std::optional<std::string> any_name(std::string& written) {
  if (is_name(written)) return std::nullopt;
  if (is_address(written)) {
    const bool is_url = written.contains("://") || written.size() > 60;
    return fmt::format(
        "{} is an address; write the name of an upstream, and the address below "
        "`upstreams`: NAME: {{endpoints: [{{address: \"{}\"}}]}}",
        in_quotes(written), is_url ? "HOST:PORT" : written);
  }
  return in_quotes(written) + " is not a name: 1 to 64 letters, digits, '_', '.' or '-'";
}

std::optional<std::size_t> read_choice(const Reader& in, const std::vector<std::string_view>& words,
                                       const std::vector<std::string_view>& not_yet) {
  const auto written = in.text();
  if (!written) return std::nullopt;
  const auto is_written = [&](std::string_view word) {
    return word == *written || (word == "off" && *written == "false") ||
           (word == "on" && *written == "true");
  };
  const auto found = std::ranges::find_if(words, is_written);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  if (std::ranges::find(not_yet, *written) != not_yet.end()) {
    in.error(not_supported(*written));
  } else {
    in.error(fmt::format("{} is not {}{}{}", in_quotes(*written), words.size() > 1 ? "one of " : "",
                         fmt::join(words, ", "),
                         in.context().problems.did_you_mean(*written, words)));
  }
  return std::nullopt;
}

}  // namespace

Tree text_schema() { return Tree::map({{"type", "string"}}); }

Value flag(bool& target) {
  return {.read =
              [&target](const Reader& in) {
                if (const auto value = in.parse(parse_flag)) target = *value;
              },
          .print = [&target] { return Tree(target); },
          .schema = [] { return or_variable(words_schema({"on", "off"})); }};
}

Value duration(Duration& target, Zero zero) {
  return {.read =
              [&target, zero](const Reader& in) {
                const auto value = in.parse(parse_duration);
                if (!value) return;
                if (*value == Duration::zero() && zero == Zero::refused) {
                  in.error("must be above 0");
                } else {
                  target = *value;
                }
              },
          .print = [&target] { return Tree(format_duration(target)); },
          .schema = [zero] { return measure_schema(duration_pattern, zero); }};
}

Value size(std::uint64_t& target, Zero zero, std::uint64_t most) {
  return {.read =
              [&target, zero, most](const Reader& in) {
                const auto value = in.parse(parse_size);
                if (!value) return;
                if (*value == 0 && zero == Zero::refused) {
                  in.error("must be above 0");
                } else if (*value > most) {
                  in.error("must be at most " + format_size(most));
                } else {
                  target = *value;
                }
              },
          .print =
              [&target] { return target == 0 ? Tree(std::int64_t{0}) : Tree(format_size(target)); },
          .schema = [zero] { return measure_schema(size_pattern, zero); }};
}

Value size_or(std::uint64_t& target, std::uint64_t most, Word word) {
  const Value plain = size(target, Zero::refused, most);
  return {
      .read =
          [&target, word, read = plain.read](const Reader& in) {
            if (in.is_text() && in.text() == word.word) {
              target = word.value;
            } else {
              read(in);
            }
          },
      .print = [&target, word,
                print = plain.print] { return target == word.value ? Tree(word.word) : print(); },
      .schema =
          [word, schema = plain.schema] {
            return any_of({schema(), Tree::map({{"const", word.word}})});
          }};
}

Value share(double& target) {
  return {.read =
              [&target](const Reader& in) {
                if (const auto value = in.parse(parse_share)) target = *value;
              },
          .print = [&target] { return Tree(format_share(target)); },
          .schema = [] { return measure_schema(share_pattern, Zero::allowed); }};
}

Value rate(Rate& target) {
  return {.read =
              [&target](const Reader& in) {
                if (const auto value = in.parse(parse_rate)) target = *value;
              },
          .print = [&target] { return Tree(to_text(target)); },
          .schema = [] { return pattern_schema("^[0-9]+/(s|m|h)$"); }};
}

Value text(std::string& target, Check check) {
  return {.read =
              [&target, check](const Reader& in) {
                if (auto written = checked_text(in, check)) target = std::move(*written);
              },
          .print = [&target] { return Tree(target); },
          .schema = check == check_name ? name_schema : text_schema};
}

Value texts(std::vector<std::string>& target, Check check) {
  return {.read = [&target, check](const Reader& in) { read_texts(in, target, check); },
          .print = [&target] { return print_texts(target); },
          .schema = texts_schema};
}

Tree texts_schema() { return one_or_more(text_schema()); }

Value reference(std::string& target, std::vector<Written>& found) {
  return {.read =
              [&target, &found](const Reader& in) {
                if (auto written = checked_text(in, any_name)) {
                  target = *written;
                  found.push_back(in.written(std::move(*written)));
                }
              },
          .print = [&target] { return target.empty() ? Tree() : Tree(target); },
          .schema = name_schema};
}

Value references(std::vector<std::string>& target, std::vector<Written>& found) {
  Value out = texts(target, any_name);
  out.read = [&target, &found](const Reader& in) {
    read_texts(in, target, any_name);
    in.each_item_or_text([&found](const Reader& item) {
      if (!item.is_text()) return;
      if (auto written = item.text(); written && is_name(*written))
        found.push_back(item.written(std::move(*written)));
    });
  };
  return out;
}

Value cidrs(std::vector<Cidr>& target) {
  return {
      .read =
          [&target](const Reader& in) {
            target.clear();
            in.each_item_or_text([&target](const Reader& item) {
              const auto written = item.text();
              if (!written) return;
              if (const auto cidr = Cidr::parse(*written)) {
                target.push_back(*cidr);
              } else {
                item.error(in_quotes(*written) +
                           " is neither an address nor a network like 10.0.0.0/8 (the bits after "
                           "the prefix must be 0)");
              }
            });
          },
      .print =
          [&target] {
            Tree out = Tree::list();
            for (const Cidr& cidr : target) out.push(cidr.to_string());
            return out;
          },
      .schema = texts_schema};
}

Value count_of(std::function<void(std::uint64_t)> set, std::function<std::uint64_t()> get,
               std::uint64_t least, std::uint64_t most, std::optional<Word> word) {
  return {.read =
              [=](const Reader& in) {
                const auto written = in.text();
                if (!written) return;
                if (word && *written == word->word) return set(word->value);
                if (auto value = parse_count(*written, least, most)) {
                  set(*value);
                } else {
                  in.error(word ? fmt::format("{}, nor '{}'", value.error(), word->word)
                                : std::move(value.error()));
                }
              },
          .print =
              [=] {
                const std::uint64_t value = get();
                if (word && value == word->value) return Tree(word->word);
                return Tree(static_cast<std::int64_t>(value));
              },
          .schema =
              [=] {
                Tree number = Tree::map({{"type", "integer"},
                                         {"minimum", static_cast<std::int64_t>(least)},
                                         {"maximum", static_cast<std::int64_t>(most)}});
                if (!word) return or_variable(std::move(number));
                return or_variable(any_of({std::move(number), Tree::map({{"const", word->word}})}));
              }};
}

Value choice_of(std::function<void(std::size_t)> set, std::function<std::size_t()> get,
                std::vector<std::string_view> words, std::vector<std::string_view> not_yet) {
  return {.read =
              [=](const Reader& in) {
                if (const auto index = read_choice(in, words, not_yet)) set(*index);
              },
          .print = [=] { return Tree(words[get()]); },
          .schema = [=] { return or_variable(words_schema(words)); }};
}

Value only(std::string_view word, std::vector<std::string_view> not_yet) {
  return choice_of([](std::size_t) {}, [] { return std::size_t{0}; }, {word}, std::move(not_yet));
}

Value list_of_words(std::function<void(const std::vector<std::size_t>&)> set,
                    std::function<std::vector<std::size_t>()> get,
                    std::vector<std::string_view> words, std::vector<std::string_view> not_yet) {
  return {.read =
              [=](const Reader& in) {
                std::vector<std::size_t> items;
                in.each_item_or_text([&](const Reader& item) {
                  const auto index = read_choice(item, words, not_yet);
                  if (!index) return;
                  if (std::ranges::find(items, *index) != items.end()) {
                    item.error(in_quotes(words[*index]) + " is given twice");
                  }
                  items.push_back(*index);
                });
                if (in.is_list() && items.empty() && !in.has_items()) in.error("must not be empty");
                if (!items.empty()) set(items);
              },
          .print =
              [=] {
                Tree out = Tree::list();
                for (const std::size_t index : get()) out.push(words[index]);
                return out;
              },
          .schema = [=] { return one_or_more(or_variable(words_schema(words))); }};
}

}  // namespace weir::config
