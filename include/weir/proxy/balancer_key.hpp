// Who a caller is for an upstream that balances by hash: the KEY of its load_balancer, as a number.
// Const after construction, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/config/key.hpp"
#include "weir/http/caller_key.hpp"

namespace weir::proxy {

class BalancerKey {
 public:
  // `path_params` are the names of the route's parameters; they outlive it.
  BalancerKey(const config::Key& key, std::span<const std::string> path_params);

  // Nothing when the caller is told apart by a cookie that is not there: it is to be set, with a
  // value that of_cookie() is asked of. The same in every process.
  std::optional<std::uint64_t> of(const Request& request, const Exchange& exchange) const;
  static std::uint64_t of_cookie(std::string_view value) noexcept;
  // Its name, when the key is a cookie and nothing else.
  std::string_view cookie() const noexcept { return cookie_; }

 private:
  CallerKey key_;
  std::string cookie_;
  std::span<const std::string> path_params_;
};

// Set-Cookie of a caller's place, for as long as the browser runs.
std::string place_cookie(std::string_view name, std::string_view value, bool secure);

}  // namespace weir::proxy
