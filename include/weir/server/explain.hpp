// How a request would be treated, step by step, without sending it: pure, over a configuration and
// its table. For `weir explain` and POST /explain.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/control/split_override.hpp"
#include "weir/route/route_table.hpp"

namespace weir::server {

struct ExplainRequest {
  std::string method = "GET";
  std::string url;  // absolute, or a path
  std::vector<std::pair<std::string, std::string>> headers;
  std::string from;      // client address; 127.0.0.1 unless told
  std::string listener;  // name; the first unless told
};

struct Explanation {
  struct Step {
    std::string what;  // "listener", "client", "path", "route", "not NAME", "middleware NAME", ...
    std::string text;
  };
  std::vector<Step> steps;
  bool routed = false;  // some handler would get it
  int status = 0;       // what Weir itself would answer, 0 when the upstream does

  std::string to_text() const;  // a step a line
  std::string to_json() const;
};

// What only a running gateway knows; where empty, the file's word is taken.
struct LiveState {
  std::function<control::SplitWeights(const config::Route& route)> weights;
  std::function<std::string(std::string_view upstream)> breaker;  // its state and why
  // "ADDRESS (why), ..." of its endpoints that get no requests.
  std::function<std::string(std::string_view upstream)> out_of_use;
};

// Fails with what is wrong with the question itself.
std::expected<Explanation, std::string> explain(const config::Config& config,
                                                const route::RouteTable& table,
                                                const ExplainRequest& request,
                                                const LiveState& live = {});

// A route's conditions and what it does, in a few words.
std::string match_text(const config::Match& match);
std::string action_text(const config::Route& route);
std::string fallback_text(const config::Fallback& fallback);
std::string split_text(const config::Split& split, const control::SplitWeights& weights);

}  // namespace weir::server
