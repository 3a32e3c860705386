// What reading files came to when it failed: it is tried again at each look until it succeeds,
// since the fault may lie elsewhere (no descriptor left), and told once. One thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::net {

class FileRefusals {
 public:
  using Problems = std::vector<config::Problem>;

  // The last reading failed: the files are to be read again although they have not changed.
  bool pending() const noexcept { return !last_.empty(); }

  // Told what a reading came to, nothing for success. Returns what of it is news: all of it, or
  // nothing when it is the same as last time. `fresh`: the files were others, so it is news.
  Problems news(Problems problems, bool fresh) {
    std::vector<std::string> texts;
    for (const config::Problem& problem : problems) texts.push_back(problem.to_string());
    const bool told = !fresh && texts == last_;
    last_ = std::move(texts);
    return told ? Problems() : std::move(problems);
  }

 private:
  std::vector<std::string> last_;
};

}  // namespace weir::net
