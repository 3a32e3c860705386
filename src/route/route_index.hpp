// The compiled form of a route table: hosts to scopes, paths of a scope to places, and at a place
// the routes that compete there, the one that wins first. Owned by RouteTable; const: any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "route/conditions.hpp"
#include "route/name_table.hpp"
#include "route/path_pattern.hpp"
#include "route/segment_trie.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {

class RouteIndex {
 public:
  // A route at a place.
  struct Candidate {
    std::uint32_t route = 0;
    Conditions::MethodMask methods = 0;
    bool only_methods = false;  // no other conditions
    bool last = false;          // of its place
  };

  // All mistakes of all routes.
  static std::expected<RouteIndex, std::vector<CompileError>> compile(
      std::span<const config::Route> routes, std::span<const config::Listener> listeners,
      const std::vector<bool>& has_cors);

  const config::Route& route(std::uint32_t index) const noexcept { return routes_[index]; }
  std::size_t size() const noexcept { return routes_.size(); }
  const Conditions& conditions(std::uint32_t route) const noexcept { return conditions_[route]; }
  const PathPattern& pattern(std::uint32_t route) const noexcept { return patterns_[route]; }
  bool has_cors(std::uint32_t route) const noexcept { return has_cors_[route]; }
  // Of two routes of one host: whether `a` is the more specific one.
  bool goes_before(std::uint32_t a, std::uint32_t b) const noexcept;

  // Calls `accept(candidate)` for each route whose host and path match, most specific first, until
  // it returns true; then `out` tells of that route. Returns whether it did. `out` is scratch
  // otherwise.
  template <class Accept>
  bool search(const Query& query, Match& out, Accept&& accept) const {
    const std::uint32_t exact = exact_hosts_.find(query.host);
    if (exact != nothing && search_scope(scopes_[exact], query, out, accept)) return true;
    if (wildcard_labels_ > 0) {
      // Longest first: skip what has more labels than any wildcard.
      for (std::string_view suffix = wildcard_start(query.host); !suffix.empty();
           suffix = behind_dot(suffix)) {
        const std::uint32_t wildcard = wildcard_hosts_.find(suffix);
        if (wildcard != nothing && search_scope(scopes_[wildcard], query, out, accept)) {
          return true;
        }
      }
    }
    return any_host_ != nothing && search_scope(scopes_[any_host_], query, out, accept);
  }

 private:
  struct ExpressionPlace {
    const Expression* expression = nullptr;
    Candidate candidate;
  };
  struct Scope {  // the routes of one host, or of all below a name, or of any
    NodeId root = 0;
    std::vector<ExpressionPlace> expressions;  // in file order
    // Where a route has path parameters of its own: all routes, most specific first, for the paths
    // that have some.
    std::vector<Candidate> one_by_one;
  };

  RouteIndex() = default;
  void build();
  void list_one_by_one(Scope& scope, std::vector<std::uint32_t> routes) const;
  std::uint32_t scope_of(std::string_view host);
  Candidate candidate(std::uint32_t route) const;

  static std::string_view behind_dot(std::string_view host) noexcept {
    const std::size_t dot = host.find('.');
    return dot == std::string_view::npos ? std::string_view() : host.substr(dot + 1);
  }
  // The longest part of `host`, less its first label, that a wildcard may be for.
  std::string_view wildcard_start(std::string_view host) const noexcept;

  template <class Accept>
  bool search_place(PlaceId place, Match& out, Accept&& accept) const {
    for (const Candidate* at = &candidates_[place];; ++at) {
      if (accept(*at)) {
        out.index = at->route;
        out.route = &routes_[at->route];
        return true;
      }
      if (at->last) return false;
    }
  }

  // What is behind so many segments of the path that is forwarded.
  static std::string_view rest_behind(const Query& query, std::size_t segments) noexcept;
  // The same for a prefix of so many bytes of Query::path.
  static std::string_view rest_behind_prefix(const Query& query, std::size_t bytes) noexcept {
    if (query.full_path.empty()) return query.path.substr(bytes);
    const std::string_view prefix = query.path.substr(0, bytes);
    return rest_behind(query, static_cast<std::size_t>(std::ranges::count(prefix, '/')));
  }

  template <class Accept>
  bool search_one_by_one(const Scope& scope, const Query& query, Match& out,
                         Accept&& accept) const {
    for (const Candidate& candidate : scope.one_by_one) {
      const PathPattern& pattern = patterns_[candidate.route];
      if (!pattern.matches(query, out) || !accept(candidate)) continue;
      out.index = candidate.route;
      out.route = &routes_[candidate.route];
      out.rest = pattern.rank() == PathPattern::Rank::prefix
                     ? rest_behind(query, pattern.segments().size())
                     : std::string_view();
      return true;
    }
    return false;
  }

  template <class Accept>
  bool search_scope(const Scope& scope, const Query& query, Match& out, Accept&& accept) const {
    if (!query.full_path.empty() && !scope.one_by_one.empty()) {
      return search_one_by_one(scope, query, out, accept);
    }
    const std::string_view path = query.path;
    out.param_count = 0;
    PathWalk walk(trie_, scope.root, path, out);
    for (NodeId node = walk.next_exact(); node != nothing; node = walk.next_exact()) {
      if (search_place(trie_[node].exact, out, accept)) {
        out.rest = {};
        return true;
      }
    }
    out.param_count = 0;
    for (const ExpressionPlace& place : scope.expressions) {
      if (place.expression->matches(path) && accept(place.candidate)) {
        out.index = place.candidate.route;
        out.route = &routes_[out.index];
        out.rest = {};
        return true;
      }
    }
    for (NodeId node = walk.longest_prefix(); node != nothing; node = trie_[node].shorter_prefix) {
      if (search_place(trie_[node].prefix, out, accept)) {
        out.rest = rest_behind_prefix(query, trie_[node].bytes);
        return true;
      }
    }
    return false;
  }

  std::span<const config::Route> routes_;
  std::vector<bool> has_cors_;
  std::vector<Conditions> conditions_;  // by route
  std::vector<PathPattern> patterns_;   // by route; stays as it is: expressions are pointed to

  NameTable exact_hosts_;
  NameTable wildcard_hosts_;  // without "*."
  std::uint32_t any_host_ = nothing;
  std::size_t wildcard_labels_ = 0;  // the most that a wildcard has behind its star
  std::vector<Scope> scopes_;
  SegmentTrie trie_;
  std::vector<Candidate> candidates_;
};

}  // namespace weir::route
