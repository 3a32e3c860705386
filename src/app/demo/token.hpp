// A signed token for the demo's route that asks for one. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::app {

// A fresh secret for HS256: 64 hexadecimal digits of 32 random bytes. Throws std::runtime_error
// when the system has no randomness.
std::string new_secret();

// A JWT of HS256 for `subject` from `issuer`, from `now` on for a day (seconds since 1970). The
// texts must not need to be escaped in JSON.
std::string signed_token(std::string_view secret, std::string_view issuer, std::string_view subject,
                         std::int64_t now);

}  // namespace weir::app
