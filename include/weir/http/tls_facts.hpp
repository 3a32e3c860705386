// What a connection's TLS handshake found out. Made once a connection, then const.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace weir {

struct TlsFacts {
  std::string_view version;     // "TLSv1.3"
  std::string sni;              // lower-case, "" when the client sent none
  std::string client_identity;  // as X-Forwarded-Client-Cert tells it, "" without a certificate
  bool resumed = false;
  // Whether a request for that host may come on this connection: false when the host stands under
  // another client_auth policy than the handshake was held to. Empty: every host may.
  std::function<bool(std::string_view host)> serves;
};

}  // namespace weir
