#include "app/live/tail.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "app/commands.hpp"
#include "app/live/asker.hpp"
#include "app/request_line.hpp"
#include "app/terminal.hpp"

namespace weir::app {
namespace {

// Far longer than a line of the access log can be.
constexpr std::size_t longest_line = std::size_t{1} << 20;

class Printer {
 public:
  Printer(TailFilter filter, const TailOptions& options)
      : filter_(std::move(filter)),
        most_(options.count),
        json_(options.json),
        paint_(Paint::for_fd(STDOUT_FILENO)) {}

  // The next bytes of the stream; false when it has seen enough.
  bool take(std::string_view bytes) {
    rest_ += bytes;
    std::string_view lines = rest_;
    format_.width = columns_of(STDOUT_FILENO);
    for (std::size_t end = 0; (end = lines.find('\n')) != std::string_view::npos;) {
      print(lines.substr(0, end));
      lines.remove_prefix(end + 1);
      if (is_done()) break;
    }
    std::fflush(stdout);
    rest_.erase(0, rest_.size() - lines.size());
    return !is_done() && !is_too_long();
  }

  bool is_done() const noexcept { return most_ != 0 && printed_ == most_; }
  bool is_too_long() const noexcept { return rest_.size() > longest_line; }

 private:
  void print(std::string_view line) {
    const LoggedLine read = parse_logged_line(line);
    if (read.lost != 0) {
      std::fflush(stdout);
      fmt::print(stderr, "weir: tail: {} requests are missing here: there were too many\n",
                 read.lost);
    }
    if (!read.request || !filter_.passes(*read.request)) return;
    ++printed_;
    if (json_) {
      fmt::print("{}\n", line);
    } else {
      fmt::print("{}\n", request_line(*read.request, paint_, format_));
    }
  }

  const TailFilter filter_;
  const std::uint64_t most_;
  const bool json_;
  const Paint paint_;
  RequestLineFormat format_;
  std::uint64_t printed_ = 0;
  std::string rest_;  // of a line whose end has not come
};

}  // namespace

int live_tail(const AdminOptions& admin, TailOptions options) {
  auto filter = TailFilter::parse(options.filter);
  if (!filter) return complain("weir: tail: " + filter.error(), exit_usage);
  const auto asker = Asker::open("tail", admin);
  if (!asker) return asker.error();
  if (!options.json && is_terminal(STDOUT_FILENO) && is_terminal(STDERR_FILENO)) {
    fmt::print(stderr, "requests at {}; stop with Ctrl-C\n", asker->client().target().to_string());
  }
  Printer printer(std::move(*filter), options);
  const auto ended =
      asker->client().stream({.method = "GET", .path = "/access_log", .body = ""},
                             [&](std::string_view bytes) { return printer.take(bytes); });
  if (printer.is_done()) return 0;
  if (printer.is_too_long()) return asker->fail("what answers there is not an access log");
  if (!ended) return asker->fail(ended.error());
  if (ended->status != 200) return asker->refused(*ended);
  return asker->fail("the gateway has ended");
}

}  // namespace weir::app
