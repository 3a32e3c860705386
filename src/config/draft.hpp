// The configuration as it was written, between reading and checking: names not yet looked up,
// routes not yet joined with the defaults. Lives as long as one load, or one print.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/fields.hpp"
#include "config/provider_fields.hpp"
#include "config/reader.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

// An entry of a route's `middleware`: a name, or a spec that has none yet.
struct MiddlewareUse {
  Written name;  // for a spec only place and path
  std::optional<MiddlewareSpec> spec;
  bool is_unread = false;          // a spec whose type is unknown: only where it stands is known
  std::vector<Written> templates;  // the spec's texts with variables
};

struct NamedMiddleware {
  Middleware middleware;
  bool is_unread = false;  // as of MiddlewareUse
  std::vector<Written> templates;
};

struct ListenerDraft {
  Listener listener;
  std::string at;  // "listeners[0]"
  Places places;
  KeyPlaces key_places = {};  // as of WrittenListener
};

// A route, or `defaults`, which has a few of a route's keys.
struct RouteDraft {
  Route route;
  Places places;
  std::vector<MiddlewareUse> middleware;
  std::vector<std::string> without_names;
  std::vector<Written> without;

  std::optional<Split> split;
  std::optional<std::string> upstream;
  std::optional<Sticky> sticky;
  std::optional<SplitByHeader> by_header;
  std::optional<Redirect> redirect;
  std::optional<Respond> respond;

  std::vector<Written> upstreams;         // names in `upstream` and `split`
  std::vector<Written> header_upstreams;  // names in `override`
  std::vector<Written> listeners;
  std::vector<Written> templates;
  std::optional<Written> rewrite_prefix;
};

// Names in `tests`.
struct TestNames {
  std::vector<Written> listeners;
  std::vector<Written> routes;
  std::vector<Written> upstreams;
};

struct Draft {
  Config config;                                       // all but listeners, middleware and routes
  std::map<std::string, Place, std::less<>> sections;  // of one file each: where they are
  // Sections that were written in a way that cannot be read: what they define is not known.
  std::set<std::string, std::less<>> unread;
  // Keys of upstreams and middleware that are no names: who names them has been told.
  std::set<std::string, std::less<>> bad_names;
  Place admin_bind;
  KeyPlaces places;  // as of Loaded
  std::vector<ListenerDraft> listeners;
  std::vector<NamedMiddleware> middleware;
  std::vector<CertificateDraft> certificates;
  RouteDraft defaults;
  std::vector<Reader> written_routes;  // read when the defaults are known
  std::vector<RouteDraft> routes;
  TestNames test_names;
};

// The table of a whole file. Reading several files with it joins them.
Fields root_fields(Draft& draft);
// The same of a document from elsewhere, which has only some of them.
Fields document_fields(Draft& draft);

// Looks up names, joins the defaults into the routes, checks what one block alone cannot know.
// `root` is where a problem of the whole configuration is.
Config assemble(Draft draft, const Place& root, Problems& problems);

// What is wrong with `sticky` and `override` beside the rest of the route. `after_jwt`: its list
// has a jwt middleware.
void check_split_choice(const RouteDraft& draft, bool after_jwt, Problems& problems);

// The KEYs of an upstream that balances by hash, or whose waiting callers take turns, on a route
// that leads there. `upstream_of` finds an upstream by its name, null without one; `after_jwt` as
// above.
void check_balancer_keys(const RouteDraft& draft,
                         const std::function<const Upstream*(std::string_view)>& upstream_of,
                         bool after_jwt, Problems& problems);

// What tests name that there is not, and names that two of them have.
struct TestedNames {
  const std::vector<std::string_view>& listeners;
  const std::vector<std::string_view>& routes;
  const std::vector<std::string_view>& upstreams;
};
void check_tests(const Draft& draft, const TestedNames& known, Problems& problems);

// The draft that reads like `config`.
Draft draft_of(const Config& config);

}  // namespace weir::config
