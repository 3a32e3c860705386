#include "app/configuration.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "weir/server/load_checks.hpp"

namespace weir::app {
namespace {

using LoadOutcome = std::expected<config::Loaded, std::vector<config::Problem>>;

constexpr const char* stdin_name = "<stdin>";
// A byte more than a configuration may have: the loader says that it is too large.
constexpr std::size_t most_read = (16 << 20) + 1;

LoadOutcome failure(const char* file, std::string message) {
  return std::unexpected(std::vector<config::Problem>{{{file}, "", std::move(message)}});
}

LoadOutcome load_stdin(config::SourceTexts* texts) {
  std::string text;
  char block[65536];
  while (text.size() < most_read) {
    const ssize_t n = ::read(STDIN_FILENO, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure(stdin_name, std::string("cannot be read: ") + std::strerror(errno));
    if (n == 0) break;
    text.append(block, static_cast<std::size_t>(n));
  }
  if (texts != nullptr) texts->insert_or_assign(stdin_name, text);
  return config::load_text(text, stdin_name, ".", server::load_checks());
}

}  // namespace

std::string shown_name(const std::string& config) { return config == "-" ? stdin_name : config; }

LoadOutcome load_configuration(const std::string& config, config::SourceTexts* texts) {
  return config == "-" ? load_stdin(texts) : config::load(config, server::load_checks(), texts);
}

server::Server::Source configuration_source(const std::string& config,
                                            const std::shared_ptr<config::SourceTexts>& texts) {
  return [config, texts, was_read = std::make_shared<std::atomic<bool>>(false)] {
    const bool first = !was_read->exchange(true);
    if (first || config != "-") return load_configuration(config, first ? texts.get() : nullptr);
    return failure("",
                   "the configuration came from standard input, which cannot be read again; start "
                   "weir with -c FILE to reload");
  };
}

}  // namespace weir::app
