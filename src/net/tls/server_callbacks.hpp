// What OpenSSL asks a ServerSet during a handshake; `arg` of each is the set.
#pragma once

#include "net/tls/server_set.hpp"

namespace weir::net::tls {

struct ServerCallbacks {
  static void install(SSL_CTX* context, const ServerSet& set) noexcept;

 private:
  static int client_hello(SSL* ssl, int* alert, void* arg) noexcept;
  static int alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                  const unsigned char* offered, unsigned size, void* arg) noexcept;
  static int staple(SSL* ssl, void* arg) noexcept;
  static int ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int seal) noexcept;
};

}  // namespace weir::net::tls
