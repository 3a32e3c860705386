// base64 with padding, as etcd's JSON has keys and values (RFC 4648 section 4). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::provider::etcd {

std::string base64_encode(std::string_view bytes);
// Nothing for a text that is not what base64_encode() would write.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace weir::provider::etcd
