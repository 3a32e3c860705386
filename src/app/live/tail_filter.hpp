// Which requests `weir tail` prints. Pure; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "app/request_line.hpp"

namespace weir::app {

// As on the command line; empty lets everything pass. Those of one kind are alternatives, each kind
// that is given must hold.
struct TailFilterText {
  std::vector<std::string> status{};  // "404", "5xx"
  std::vector<std::string> route{};   // the whole name; "-": none was found
  std::vector<std::string> reason{};  // as in the table of reasons; "any"
  std::vector<std::string> path{};    // how the path begins
  std::vector<std::string> method{};  // in any case
  std::string slow{};                 // "500ms": took at least so long
};

class TailFilter {
 public:
  // Fails with what is wrong, as "--status: '6xx' is ...".
  static std::expected<TailFilter, std::string> parse(TailFilterText text);

  bool passes(const LoggedRequest& request) const;

 private:
  struct StatusRange {
    int first;
    int last;
  };
  static std::expected<StatusRange, std::string> parse_status(std::string_view text);

  TailFilterText text_;
  std::vector<StatusRange> status_;
  double slow_ms_ = 0;
};

}  // namespace weir::app
