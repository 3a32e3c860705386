// How a request would be treated, step by step, without sending it: pure, over a configuration and
// its table. For `weir explain` and POST /explain.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/reason.hpp"
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
  // Who the client is by its certificate, as X-Forwarded-Client-Cert tells it; counts only where
  // the listener asks for certificates.
  std::string client_identity{};
  bool in_words = true;  // false: the decision alone, for who asks a million times
};

// What the steps come to, for programs. What does not apply is empty.
struct Decision {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Share {
    std::string upstream;
    double part = 0;  // of 1
  };

  std::string listener;
  std::string route;             // "" where none takes it
  Reason reason = Reason::none;  // why it is refused
  bool is_forwarded = false;     // an upstream gets it
  std::string upstream;          // who, where that is certain
  std::vector<Share> shares;     // who may get it, as the route names them; of a split several
  std::string path;              // as the upstream is asked, without the query
  std::string host;              // as the upstream is asked, with the port
  std::string redirect;          // Location of a redirect
  Fields request_headers;        // that the upstream gets; with in_words alone
  Fields response_headers;       // that Weir itself puts into the answer; with in_words alone
};

struct Explanation {
  struct Step {
    std::string what;  // "listener", "client", "path", "route", "not NAME", "middleware NAME", ...
    std::string text;
  };
  std::vector<Step> steps;
  bool routed = false;  // some handler would get it
  int status = 0;       // what Weir itself would answer, 0 when the upstream does
  Decision decision;

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
