// What is kept of a token that was found good: its claims as texts and the fields made of them.
// Const, shared by the cache and the exchanges that carry it; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/auth/moment.hpp"
#include "weir/http/exchange.hpp"

namespace weir::auth {

class VerifiedToken final : public Claims {
 public:
  using Texts = std::vector<std::pair<std::string, std::string>>;

  // `claims`: name and text of every claim that has one, a member of an object as "outer.inner".
  // `fields`: name and value of what goes to the upstream.
  VerifiedToken(Texts claims, Texts fields, WallTime until, std::size_t of_issuer,
                std::uint64_t with_keys) noexcept
      : expires(until),
        issuer(of_issuer),
        key_generation(with_keys),
        claims_(std::move(claims)),
        fields_(std::move(fields)) {}

  std::string_view claim(std::string_view name) const noexcept override;
  const Texts& fields() const noexcept { return fields_; }

  const WallTime expires;  // its `exp`, WallTime::max() for none
  const std::size_t issuer;
  const std::uint64_t key_generation;  // of the keys that it was verified with

 private:
  const Texts claims_;
  const Texts fields_;
};

}  // namespace weir::auth
