// An answer on stdout: as it is for programs, or as a command shows it to people. Main thread.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "app/live/asker.hpp"

namespace weir::app {

// Asks, and prints the answer as it is (`as_json`) or calls `show` with it. The exit code.
int print_answer(const Asker& asker, const AdminQuestion& question, bool as_json,
                 const std::function<void(const boost::json::value&)>& show);

// The text, which ends its line.
void print_line(std::string_view text);

// "no upstream 'v3' (did you mean 'v2'?)", or "(known: v1, v2)".
std::string unknown_name(std::string_view kind, std::string_view name,
                         std::span<const std::string_view> known);

}  // namespace weir::app
