// One line of an htpasswd file against a password that came. Slow on purpose: off the loop only.
// Any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// The longest password that is looked at: what crypt(3) takes, and a bound on its time.
inline constexpr std::size_t longest_password = 511;

// Whether `hash` is of a kind that this verifies: bcrypt ($2a$, $2b$, $2y$) or SHA-512 ($6$).
bool is_known_hash(std::string_view hash) noexcept;

// Whether `password` has this hash; false for a hash of another kind. Takes the time of the hash
// whatever the outcome. REQUIRES: no NUL in `password`.
bool verify_password(const std::string& password, const std::string& hash);

}  // namespace weir
