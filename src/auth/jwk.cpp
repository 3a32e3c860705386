#include "auth/jwk.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "auth/base64url.hpp"

namespace weir::auth {
namespace {

// The bytes of a base64url member.
std::optional<std::string> bytes_of(const json::object& jwk, std::string_view name) {
  const auto text = text_of(jwk, name);
  return text ? base64url_decode(*text) : std::nullopt;
}

std::unexpected<std::string> unusable(std::string_view what) {
  return std::unexpected(std::string(what));
}

PublicKey from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PublicKey(key);
}

PublicKey rsa_key(const json::object& jwk) {
  const auto n = bytes_of(jwk, "n");
  const auto e = bytes_of(jwk, "e");
  if (!n || !e || n->empty() || e->empty() || n->size() > 2048 || e->size() > 16) return nullptr;
  const Number modulus(BN_bin2bn(bytes(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(bytes(*e), static_cast<int>(e->size()), nullptr));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (modulus == nullptr || exponent == nullptr || builder == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return from_params("RSA", builder.get());
}

// The point is checked by whoever takes the key.
PublicKey ec_key(const json::object& jwk) {
  const auto curve = text_of(jwk, "crv");
  const std::size_t half = !curve ? 0 : *curve == "P-256" ? 32 : *curve == "P-384" ? 48 : 66;
  if (!curve || (half == 66 && *curve != "P-521")) return nullptr;
  const auto x = bytes_of(jwk, "x");
  const auto y = bytes_of(jwk, "y");
  if (!x || !y || x->size() != half || y->size() != half) return nullptr;
  const std::string group(*curve);
  const std::string point = '\x04' + *x + *y;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.data(),
                                      group.size()) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return from_params("EC", builder.get());
}

PublicKey okp_key(const json::object& jwk) {
  const auto curve = text_of(jwk, "crv");
  const auto x = bytes_of(jwk, "x");
  if (!curve || !x || (*curve != "Ed25519" && *curve != "Ed448")) return nullptr;
  const bool small = *curve == "Ed25519";
  if (x->size() != (small ? 32 : 57)) return nullptr;
  return PublicKey(EVP_PKEY_new_raw_public_key_ex(nullptr, small ? "ED25519" : "ED448", nullptr,
                                                  bytes(*x), x->size()));
}

// Whether `use` and `key_ops` let the key check signatures.
bool for_signatures(const json::object& jwk) {
  if (find(jwk, "use") != nullptr && text_of(jwk, "use") != "sig") return false;
  const json::value* operations = find(jwk, "key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_array()) return false;
  return std::ranges::any_of(operations->get_array(), [](const json::value& each) {
    return each.is_string() && view(each.get_string()) == "verify";
  });
}

}  // namespace

VerificationKey::Made key_from_jwk(const json::object& jwk, Algorithms wanted) {
  const ErrorsForgotten errors;
  const auto kty = text_of(jwk, "kty");
  if (!kty) return unusable("a key without kty");
  if (!for_signatures(jwk)) return unusable("a key for another use");
  if (find(jwk, "alg") != nullptr) {
    const auto name = text_of(jwk, "alg");
    const auto algorithm = name ? algorithm_from_name(*name) : std::nullopt;
    if (!algorithm || !wanted.has(*algorithm)) return unusable("a key for another algorithm");
    wanted = Algorithms();
    wanted.add(*algorithm);
  }
  std::string kid;
  if (find(jwk, "kid") != nullptr) {
    const auto text = text_of(jwk, "kid");
    if (!text || text->size() > most_kid_bytes) return unusable("a key with a malformed kid");
    kid = *text;
  }
  if (*kty == "oct") {
    auto secret = bytes_of(jwk, "k");
    if (!secret || secret->empty()) return unusable("a malformed secret");
    return VerificationKey::from_secret(std::move(*secret), wanted, std::move(kid));
  }
  PublicKey key;
  if (*kty == "RSA") {
    key = rsa_key(jwk);
  } else if (*kty == "EC") {
    key = ec_key(jwk);
  } else if (*kty == "OKP") {
    key = okp_key(jwk);
  } else {
    return unusable("a key of an unknown kty");
  }
  if (key == nullptr) return unusable("a malformed " + std::string(*kty) + " key");
  return VerificationKey::from_public_key(std::move(key), wanted, std::move(kid));
}

}  // namespace weir::auth
