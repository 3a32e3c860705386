// Documents fetched over HTTP, several at a time on one thread. http and https only, a redirect
// stays with its scheme; answers are bounded in size and time; the environment's proxies are not
// used. Everything but wake() on one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/time.hpp"

namespace weir::auth {

struct Fetched {
  std::string error;  // "" for success
  std::string body;
  std::optional<Duration> max_age;  // of Cache-Control; zero for no-store and no-cache
};

// Of a Cache-Control field's value.
std::optional<Duration> max_age_of(std::string_view cache_control) noexcept;

class KeyFetches {
 public:
  using Done = std::function<void(Fetched)>;

  KeyFetches();
  // Transfers that run are dropped; their `done` is not called.
  ~KeyFetches();
  KeyFetches(const KeyFetches&) = delete;
  KeyFetches& operator=(const KeyFetches&) = delete;

  // `done` is called by turn(), once.
  void start(const std::string& url, Done done);
  // Moves the transfers on and waits until something comes, wake() or `at_most`.
  void turn(Duration at_most);
  // Any thread.
  void wake() noexcept;

 private:
  class Transfers;
  std::unique_ptr<Transfers> transfers_;
};

}  // namespace weir::auth
