#include "auth/key_set.hpp"

#include <openssl/decoder.h>

#include <optional>

#include "auth/jwk.hpp"
#include "weir/auth/json_object.hpp"

namespace weir::auth {
namespace {

constexpr std::size_t most_keys = 256;

using Decoder = std::unique_ptr<OSSL_DECODER_CTX, Freed<OSSL_DECODER_CTX_free>>;

KeySet::Parsed one_key(VerificationKey::Made key) {
  if (!key) return std::unexpected(std::move(key.error()));
  KeySet::Keys keys;
  keys.push_back(std::move(*key));
  return std::make_shared<const KeySet>(std::move(keys));
}

}  // namespace

KeySet::Parsed KeySet::from_jwks(std::string_view text, Algorithms wanted) {
  if (text.size() > most_key_set_bytes) return std::unexpected("larger than 1 MiB");
  const std::optional<json::object> document = parse_object(text);
  if (!document) {
    return std::unexpected("not a JSON object, or one with a name twice or nested too deep");
  }
  const json::value* list = find(*document, "keys");
  if (list == nullptr || !list->is_array()) return std::unexpected("has no array \"keys\"");
  const json::array& written = list->get_array();
  if (written.size() > most_keys) return std::unexpected("more than 256 keys");
  Keys keys;
  std::string passed_over;
  for (const json::value& each : written) {
    if (!each.is_object()) return std::unexpected("a key that is no object");
    auto key = key_from_jwk(each.get_object(), wanted);
    if (key) {
      keys.push_back(std::move(*key));
    } else if (passed_over.empty()) {
      passed_over = " (the first is " + key.error() + ")";
    }
  }
  if (keys.empty()) return std::unexpected("no usable key" + passed_over);
  return std::make_shared<const KeySet>(std::move(keys));
}

KeySet::Parsed KeySet::from_pem(std::string_view text, Algorithms wanted) {
  const ErrorsForgotten errors;
  EVP_PKEY* read = nullptr;
  const Decoder decoder(OSSL_DECODER_CTX_new_for_pkey(&read, "PEM", nullptr, nullptr,
                                                      EVP_PKEY_PUBLIC_KEY, nullptr, nullptr));
  if (decoder == nullptr) throw std::bad_alloc();
  const unsigned char* data = bytes(text);
  std::size_t left = text.size();
  const int decoded = OSSL_DECODER_from_data(decoder.get(), &data, &left);
  PublicKey key(read);
  if (decoded != 1 || key == nullptr) return std::unexpected("not a public key in PEM");
  return one_key(VerificationKey::from_public_key(std::move(key), wanted, {}));
}

KeySet::Parsed KeySet::from_secret(std::string secret, Algorithms wanted) {
  return one_key(VerificationKey::from_secret(std::move(secret), wanted, {}));
}

KeySet::Candidates KeySet::candidates(Algorithm algorithm, std::string_view kid) const noexcept {
  Candidates out;
  for (const auto& key : keys_) {
    if (!key->allows(algorithm)) continue;
    if (!kid.empty() && !key->kid().empty() && key->kid() != kid) continue;
    if (out.count < out.keys.size()) out.keys[out.count++] = key.get();
  }
  return out;
}

}  // namespace weir::auth
