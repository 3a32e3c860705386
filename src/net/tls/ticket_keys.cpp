#include "net/tls/ticket_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace weir::net::tls {

TicketKeys::TicketKeys(TimePoint now, Duration rotation)
    : rotation_(rotation), since_(now), current_(make()) {}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(&current_, sizeof current_);
  if (previous_) OPENSSL_cleanse(&*previous_, sizeof *previous_);
}

TicketKey TicketKeys::make() {
  TicketKey key;
  if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
      RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1 ||
      RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1) {
    throw std::runtime_error("no random bytes");
  }
  return key;
}

void TicketKeys::advance(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (now - since_ < rotation_) return;
  previous_.reset();
  if (now - since_ < 2 * rotation_) previous_ = current_;
  current_ = make();
  since_ = now;
}

TicketKey TicketKeys::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::optional<TicketKeys::Found> TicketKeys::find(const unsigned char* name) const {
  const std::lock_guard lock(mutex_);
  const auto is = [name](const TicketKey& key) {
    return std::equal(key.name.begin(), key.name.end(), name);
  };
  if (is(current_)) return Found{current_, true};
  if (previous_ && is(*previous_)) return Found{*previous_, false};
  return std::nullopt;
}

}  // namespace weir::net::tls
