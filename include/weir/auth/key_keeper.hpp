// Keeps the keys of all issuers fresh on a thread of its own: watches files, fetches URLs. Owned by
// the process, which outlives whoever asks it for a source; any thread. The thread begins with the
// first source that needs it.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "weir/config/jwt.hpp"
#include "weir/telemetry/cells.hpp"

namespace weir::auth {

class KeySource;

class KeyKeeper {
 public:
  KeyKeeper();
  ~KeyKeeper();
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;

  // The keys of `issuer`, the same as long as anyone holds them. Fails with what is wrong with a
  // file or a secret; of a file that is there already the new content is taken over.
  std::expected<std::shared_ptr<KeySource>, std::string> source(const config::JwtIssuer& issuer);

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

// When `source` was last fetched with success, in seconds since the epoch; 0 before the first time
// and for keys that are not fetched.
std::shared_ptr<const telemetry::SharedValue> last_success(const KeySource& source);

// What is wrong with the issuer's keys as far as they are at hand, "" for nothing.
std::string key_fault(const config::JwtIssuer& issuer);

}  // namespace weir::auth
