// Any text offered as a token: taken apart, its keys looked up, its signature checked, its claims
// judged. None of it is signed by us, so none passes. The same bytes as the claims of a token that
// we sign: judged by the claims alone, and refused when one bit is another.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/base64url.hpp"
#include "auth/claim_rules.hpp"
#include "auth/key_set.hpp"
#include "auth/token.hpp"

namespace {

using namespace weir::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view secret = "0123456789abcdef0123456789abcdef";

const KeySet& keys() {
  static const std::shared_ptr<const KeySet> out =
      KeySet::from_jwks(
          R"({"keys":[{"kty":"oct","kid":"h","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},)"
          R"({"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
          R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
          R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})",
          Algorithms::all())
          .value();
  return *out;
}

std::string base64url(std::string_view bytes) {
  std::string out(4 * (bytes.size() / 3 + 1) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::string signed_token(std::string_view claims) {
  std::string out = base64url(R"({"alg":"HS256","kid":"h"})") + '.' + base64url(claims);
  std::array<unsigned char, 32> mac;
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(out.data()), out.size(), mac.data(), &size);
  return out + '.' + base64url({reinterpret_cast<const char*>(mac.data()), size});
}

bool valid(const Token& token) {
  const auto tried = keys().candidates(token.algorithm, token.kid);
  for (const VerificationKey* key : tried.all()) {
    if (key->verify(token.algorithm, token.signed_text, token.signature)) return true;
  }
  return false;
}

void judge(const json::object& claims) {
  static const std::vector<std::string> audiences{"a", "b"};
  static const std::vector<weir::config::ClaimRule> rules{{"scope", {"r", "w"}}, {"a.b", {"1"}}};
  static const std::vector<std::pair<std::string, std::string>> fields{{"sub", "x-user"},
                                                                       {"a.b", "x-b"}};
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  if (!check_times(claims, now, std::chrono::seconds(60))) {
    const WallTime ends = expiry(claims);
    require(ends == WallTime::max() || ends + std::chrono::seconds(60) > now);
  }
  check_audience(claims, audiences);
  check_rules(claims, rules);
  claim_texts(claims);
  if (const auto made = claim_fields(claims, fields)) {
    for (const auto& [name, value] : *made) {
      require(value.find('\r') == value.npos && value.find('\n') == value.npos &&
              value.find('\0') == value.npos);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto token = parse_token(text)) {
    require(!token->signature.empty() && text.starts_with(token->signed_text));
    require(!valid(*token));
    check_typ(token->typ, "");
    judge(token->claims);
  } else {
    require(!token.error().empty());
  }

  const auto claims = parse_object(text);
  std::string ours = signed_token(text);
  const auto token = parse_token(ours);
  require(token.has_value() == (claims.has_value() && ours.size() <= most_token_bytes));
  if (!token) return 0;
  require(token->claims == *claims && valid(*token));
  judge(*claims);
  const std::size_t last = ours.rfind('.') + 1 + size % 42;
  ours[last] = ours[last] == 'A' ? 'B' : 'A';
  const auto spoilt = parse_token(ours);
  require(!spoilt || !valid(*spoilt));
  return 0;
}
