// Any text as a key set (the first byte 'j'), a public key in PEM ('p'), or the Cache-Control of an
// answer with keys. What is read has no more keys than it may, each for some algorithm, and refuses
// a signature that nobody made.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/key_fetches.hpp"
#include "auth/key_set.hpp"

namespace {

using namespace weir::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const KeySet::Parsed& read) {
  if (!read) return require(!read.error().empty());
  require(!(*read)->keys().empty() && (*read)->keys().size() <= 256);
  for (std::size_t i = 0; i < algorithm_count; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    const auto candidates = (*read)->candidates(algorithm, "");
    for (const VerificationKey* key : candidates.all()) {
      require(key->allows(algorithm));
      require(!key->verify(algorithm, "e30.e30", std::string(info(algorithm).half * 2 + 1, 'x')));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'j') {
    check(KeySet::from_jwks(text, Algorithms::all()));
  } else if (data[0] == 'p') {
    check(KeySet::from_pem(text, Algorithms::all()));
  } else if (const auto age = max_age_of(text)) {
    require(*age >= weir::Duration::zero() && *age <= std::chrono::hours(24 * 366));
  }
  return 0;
}
