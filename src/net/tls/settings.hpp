// What both sides of TLS have in common: versions, ciphers, groups and OpenSSL's modes.
#pragma once

#include "net/tls/handles.hpp"
#include "weir/config/tls.hpp"

namespace weir::net::tls {

inline void apply_common(SSL_CTX* context, config::TlsVersion least) noexcept {
  SSL_CTX_set_min_proto_version(
      context, least == config::TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
  SSL_CTX_set_cipher_list(context,
                          "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                          "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                          "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
  SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
  // A connection that waits holds no buffers; a chain is what the file says.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
}

}  // namespace weir::net::tls
