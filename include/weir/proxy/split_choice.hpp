// Which upstream of a split a request goes to for reasons of its own, not by turn: a field that
// names it, or the caller who stays with it. Const after construction, any thread; the
// configuration outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/control/sticky_split.hpp"
#include "weir/http/caller_key.hpp"

namespace weir::proxy {

class SplitChoice {
 public:
  using Place = control::StickySplit::Place;

  // `path_params` are the names of the route's parameters.
  SplitChoice(const config::UpstreamAction& action, std::span<const std::string> path_params);

  // The index that the request's field names; nothing without one, or if it names none. The first
  // line with a known value counts.
  std::optional<std::size_t> by_header(const HeaderMap& headers) const noexcept;

  bool sticky() const noexcept { return key_.has_value(); }
  // Where the caller stands; nothing when that is in a cookie which is not there. The same in
  // every process. REQUIRES: sticky().
  std::optional<Place> place(const Request& request, const Exchange& exchange) const;

  // The place that a cookie of this value means.
  static Place place_of(std::string_view cookie) noexcept;
  // The name of the cookie that is set when it is missing; "": none is.
  std::string_view cookie() const noexcept { return cookie_; }
  // Set-Cookie with a value that place_of() was asked of, for as long as the browser runs.
  std::string set_cookie(std::string_view value, bool secure) const;

 private:
  const config::SplitByHeader* by_header_ = nullptr;
  std::vector<std::pair<std::string_view, std::size_t>> values_;
  FieldId field_ = FieldId::other;
  std::optional<CallerKey> key_;
  std::string_view cookie_;  // the name, when the key is a cookie and nothing else
  std::span<const std::string> path_params_;
};

}  // namespace weir::proxy
