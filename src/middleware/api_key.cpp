#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "middleware/types.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"

namespace weir {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view key) {
  Digest out;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  return out;
}

Digest digest_of(const config::KnownKey& known) {
  if (!known.key.empty()) return digest_of(std::string_view(known.key));
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<unsigned char>(hex_value(known.sha256[2 * i]) * 16 +
                                        hex_value(known.sha256[2 * i + 1]));
  }
  return out;
}

// Keys by their digest: how long a look-up takes tells of a digest, from which nobody comes nearer
// to a key.
class KeyTable {
 public:
  explicit KeyTable(const std::vector<config::KnownKey>& keys) {
    for (const config::KnownKey& known : keys) {
      const Digest digest = digest_of(known);
      callers_.emplace(prefix(digest), Caller{digest, known.name});
    }
  }

  // The caller's name, nothing for an unknown key. Lives as long as the table.
  std::optional<std::string_view> find(std::string_view key) const {
    const Digest digest = digest_of(key);
    const auto [first, last] = callers_.equal_range(prefix(digest));
    for (auto at = first; at != last; ++at) {
      if (CRYPTO_memcmp(at->second.digest.data(), digest.data(), digest.size()) == 0) {
        return at->second.name;
      }
    }
    return std::nullopt;
  }

 private:
  struct Caller {
    Digest digest;
    std::string name;
  };

  static std::uint64_t prefix(const Digest& digest) noexcept {
    std::uint64_t out;
    std::memcpy(&out, digest.data(), sizeof out);
    return out;
  }

  std::unordered_multimap<std::uint64_t, Caller> callers_;
};

// A key in a field of its own, or as a bearer token where that field is Authorization. It is
// forwarded as it came, as other gateways do; a route that minds removes it.
class ApiKey final : public Middleware {
 public:
  explicit ApiKey(const config::ApiKey& spec)
      : header_(to_lower(spec.header)), bearer_(header_ == "authorization"), keys_(spec.keys) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    HeaderMap& headers = request.head.headers;
    std::size_t lines = 0;
    std::string_view sent;
    for (const HeaderMap::Field& field : headers) {
      if (!iequals(field.name, header_)) continue;
      ++lines;
      sent = trim(field.value);
    }
    constexpr std::string_view scheme = "bearer ";
    if (lines == 1 && bearer_) {
      sent = istarts_with(sent, scheme) ? trim(sent.substr(scheme.size())) : std::string_view();
    }
    if (lines == 0 || (lines == 1 && sent.empty())) {
      co_return refuse(Reason::credentials_missing, ": a key wanted", exchange);
    }
    if (lines > 1) co_return refuse(Reason::credentials_invalid, ": more than one", exchange);
    const auto caller = keys_.find(sent);
    if (!caller) co_return refuse(Reason::credentials_invalid, ": unknown key", exchange);
    exchange.user = headers.arena().copy(*caller);
    co_return co_await next(request, exchange);
  }

 private:
  Response refuse(Reason reason, std::string_view what, const Exchange& exchange) const {
    Response response = problem(reason, header_ + std::string(what), exchange.request_id());
    // RFC 6750 has a scheme for tokens in Authorization; for a field of its own none is registered.
    response.head.headers.add(
        FieldId::www_authenticate, "www-authenticate",
        bearer_ ? "Bearer realm=\"weir\"" : "ApiKey realm=\"weir\", header=\"" + header_ + '"');
    return response;
  }

  const std::string header_;
  const bool bearer_;
  const KeyTable keys_;
};

}  // namespace

std::shared_ptr<Middleware> make_api_key(const config::ApiKey& spec) {
  return std::make_shared<ApiKey>(spec);
}

}  // namespace weir
