// Decides whether a token is good: issuer, algorithm, key, signature, claims. Made for one jwt
// middleware and kept over reloads with its verified tokens; any thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/auth/key_keeper.hpp"
#include "weir/auth/moment.hpp"
#include "weir/auth/verified_token.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/offload.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/task.hpp"
#include "weir/config/jwt.hpp"
#include "weir/net/loop.hpp"

namespace weir::auth {

// The SHA-256 of a token's text.
using TokenDigest = std::array<unsigned char, 32>;
TokenDigest digest_of(std::string_view token);

struct Verdict {
  Reason reason = Reason::none;  // none: the token is good
  std::string detail;            // the class of failure, without anything of the token
  std::shared_ptr<const VerifiedToken> token;
};

class TokenPolicy {
 public:
  // Throws std::invalid_argument for keys that key_fault() objects to. `offload` outlives it.
  TokenPolicy(const config::Jwt& spec, KeyKeeper& keeper, Offload& offload);
  ~TokenPolicy();
  TokenPolicy(const TokenPolicy&) = delete;
  TokenPolicy& operator=(const TokenPolicy&) = delete;

  // A token that was found good before, with the keys that are still in force; null otherwise.
  std::shared_ptr<const VerifiedToken> remembered(const TokenDigest& digest, Moment now) noexcept;
  // Waits for keys that are being fetched, and for slow signatures off the loop. `token` and
  // `digest` (its own) are copied where needed and valid until the answer.
  // `client` is whom a slow signature is checked for. `scope` (null: none) ends the waits: the
  // verdict's reason is then what it was cancelled for.
  Task<Verdict> verify(std::string_view token, TokenDigest digest, Moment now, net::Loop& loop,
                       IpAddress client = {}, CancelScope* scope = nullptr);

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::auth
