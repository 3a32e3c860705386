// The part of the command line that talks to a running gateway: its commands and their options.
// Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/live/live_commands.hpp"
#include "app/live/tail.hpp"

namespace weir::app {

// -c and --admin; with_token also --token-file.
enum class TokenOption : std::uint8_t { none, with_token };
void add_admin_options(CLI::App& command, AdminOptions& options, TokenOption token);

// What the commands were given. Outlives the parsing and the command that it chose.
class LiveCommandLine {
 public:
  // Makes a command, of which `chosen` is called when it was given.
  using Add = std::function<CLI::App&(const char* name, const char* what, const char* more,
                                      std::function<int()> chosen)>;

  // All of them, in the order of the help.
  void define(const Add& add);

 private:
  // With the options that all have; `json`: it prints an answer.
  CLI::App& define(const Add& add, const char* name, const char* what, const char* more, bool json,
                   std::function<int()> chosen);
  void define_split(const Add& add);
  void define_endpoint(const Add& add);
  void define_breaker(const Add& add);
  void define_log_level(const Add& add);
  void define_tail(const Add& add);

  LiveOptions options_;
  std::string name_;  // of a route or an upstream
  std::vector<std::string> weights_;
  std::string address_;
  std::string state_;
  std::optional<std::uint32_t> weight_;
  bool reset_ = false;
  std::string level_;
  std::string component_;
  std::string time_;
  TailOptions tail_;
};

}  // namespace weir::app
