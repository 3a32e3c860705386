#include "app/live/print_answer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/live/answer.hpp"
#include "weir/base/text.hpp"

namespace weir::app {
namespace {

constexpr std::size_t most_listed = 20;

}  // namespace

int print_answer(const Asker& asker, const AdminQuestion& question, bool as_json,
                 const std::function<void(const json::value&)>& show) {
  const auto body = asker.ask(question);
  if (!body) return body.error();
  const auto answer = parse_answer(*body);
  if (!answer) return asker.fail("the answer is not JSON; is it an admin address of weir?");
  if (as_json) {
    print_line(*body);
  } else {
    show(*answer);
  }
  return 0;
}

void print_line(std::string_view text) {
  fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
}

std::string unknown_name(std::string_view kind, std::string_view name,
                         std::span<const std::string_view> known) {
  std::string out = fmt::format("no {} '{}'", kind, name);
  const std::string_view near = nearest(name, known);
  if (!near.empty()) return out + fmt::format(" (did you mean '{}'?)", near);
  if (known.empty()) return out;
  const bool all = known.size() <= most_listed;
  return out + fmt::format(" (known: {}{})",
                           fmt::join(known.first(std::min(known.size(), most_listed)), ", "),
                           all ? "" : ", ...");
}

}  // namespace weir::app
