// The keys that session tickets are sealed with: one in use, and the one before it, which still
// opens. One set a listener, shared by its workers so that a client resumes on any of them.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "weir/base/time.hpp"

namespace weir::net::tls {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};  // AES-256
  std::array<unsigned char, 32> mac{};     // HMAC-SHA-256
};

class TicketKeys {
 public:
  struct Found {
    TicketKey key;
    bool current = false;  // a ticket under another one is renewed
  };

  // Random keys. `rotation` is above zero.
  TicketKeys(TimePoint now, Duration rotation);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // A new key when the one in use is old enough; after two rotations without a call none is left
  // of those before. One thread.
  void advance(TimePoint now);

  // Any thread.
  TicketKey current() const;
  std::optional<Found> find(const unsigned char* name) const;

 private:
  static TicketKey make();

  const Duration rotation_;
  mutable std::mutex mutex_;
  TimePoint since_;  // guarded by mutex_, as what follows
  TicketKey current_;
  std::optional<TicketKey> previous_;
};

}  // namespace weir::net::tls
