// Who a client is by its certificate. Any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace weir::net {

// As X-Forwarded-Client-Cert tells it, of the first certificate of a PEM text; or what is wrong
// with the text.
std::expected<std::string, std::string> client_identity_of(std::string_view pem);

}  // namespace weir::net
