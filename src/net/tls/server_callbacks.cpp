#include "net/tls/server_callbacks.hpp"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <cstring>
#include <ctime>
#include <exception>

namespace weir::net::tls {

void ServerCallbacks::install(SSL_CTX* context, const ServerSet& set) noexcept {
  void* const arg = const_cast<ServerSet*>(&set);
  SSL_CTX_set_client_hello_cb(context, client_hello, arg);
  SSL_CTX_set_alpn_select_cb(context, alpn, arg);
  SSL_CTX_set_tlsext_status_cb(context, staple);
  SSL_CTX_set_tlsext_status_arg(context, arg);
  SSL_CTX_set_app_data(context, arg);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket);
}

// Before anything else of the hello is looked at, a ticket too: so the session's context is the
// policy's when OpenSSL decides whether to resume.
int ServerCallbacks::client_hello(SSL* ssl, int* alert, void* arg) noexcept {
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  std::string_view name;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) == 1) {
    if (const auto found = parse_server_name({extension, size})) name = *found;
  }
  try {
    static_cast<const ServerSet*>(arg)->choose(ssl, name);
    return SSL_CLIENT_HELLO_SUCCESS;
  } catch (const std::exception&) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
}

int ServerCallbacks::alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* offered, unsigned size, void* arg) noexcept {
  const std::string& ours = static_cast<const ServerSet*>(arg)->alpn_;
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, size);
  *out = chosen;
  // Nothing in common is the handshake's end (RFC 7301 section 3.2).
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerCallbacks::staple(SSL* ssl, void* arg) noexcept {
  const ServerSet& set = *static_cast<const ServerSet*>(arg);
  const auto found = set.staples_.find(SSL_get_certificate(ssl));
  if (found == set.staples_.end()) return SSL_TLSEXT_ERR_NOACK;
  const Staple& staple = *found->second;
  // One that is out of date would be refused by the client.
  if (staple.next_update != 0 && staple.next_update < std::time(nullptr)) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  void* const copy = OPENSSL_memdup(staple.der.data(), staple.der.size());
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple.der.size()));
  return SSL_TLSEXT_ERR_OK;
}

int ServerCallbacks::ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                            EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) noexcept {
  // Fetched once: by name it would be looked up for every ticket.
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const auto& set = *static_cast<const ServerSet*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKey key;
  bool renew = false;
  if (seal != 0) {
    key = set.keys_->current();
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1) return -1;
  } else {
    const auto found = set.keys_->find(name);
    if (!found) return 0;
    key = found->key;
    // Clients of TLS 1.3 use a ticket once: they get another one each time.
    renew = !found->current || SSL_version(ssl) >= TLS1_3_VERSION;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  const bool ready =
      EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
      (seal != 0 ? EVP_EncryptInit_ex2(cipher, aes, key.cipher.data(), iv, nullptr)
                 : EVP_DecryptInit_ex2(cipher, aes, key.cipher.data(), iv, nullptr)) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  if (!ready) return -1;
  return renew ? 2 : 1;
}

}  // namespace weir::net::tls
