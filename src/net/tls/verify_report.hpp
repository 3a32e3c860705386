// What is wrong with a peer's certificate, told to its session: OpenSSL's callback for each check
// that fails, with the certificate at hand, which the session does not have afterwards.
#pragma once

#include <string>
#include <string_view>

#include "net/tls/handles.hpp"

namespace weir::net::tls {

// For SSL_CTX_set_verify and SSL_set_verify; agrees with OpenSSL's verdict.
int report_verification(int ok, X509_STORE_CTX* context) noexcept;

// "for a.test, valid 2026-01-01 to 2026-03-31, issued by CN=CA": who, when, by whom; at most some
// 300 bytes, names are the peer's own words.
std::string describe(const X509& certificate);

}  // namespace weir::net::tls
