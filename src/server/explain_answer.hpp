// The fields of the answer to a request that is explained: those that Weir itself puts there. Main
// thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {

class ExplainedAnswer {
 public:
  // What a middleware does to an answer, from the outermost to the innermost; empty: nothing.
  void passes(std::function<void(HeaderMap&)> change) {
    if (change) changes_.push_back(std::move(change));
  }
  // The answer as the client sees it, of one that came out of the innermost middleware that the
  // request has passed. `route`: null where none was found.
  Decision::Fields fields(HeaderMap& answer, const config::Config& config,
                          const config::Route* route, const Request& request,
                          const Exchange& exchange) const;

 private:
  std::vector<std::function<void(HeaderMap&)>> changes_;
};

// The fields of a head, those of framing left out.
Decision::Fields fields_of(const HeaderMap& headers);

}  // namespace weir::server
