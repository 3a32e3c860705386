// The demo's configuration, embedded, and the folder with the files that it names. Main thread.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/config/loader.hpp"

namespace weir::app {

// A new folder, readable by this user alone and removed at the end: `users` for basic_auth,
// `secret` for jwt, and `token`, the field Authorization with a token that is valid for a day, as
// `curl -H
// @FILE` reads it. The secret is a fresh one.
class DemoFolder {
 public:
  // Throws std::system_error, and std::runtime_error without randomness.
  DemoFolder();
  ~DemoFolder();
  DemoFolder(const DemoFolder&) = delete;
  DemoFolder& operator=(const DemoFolder&) = delete;

  const std::string& path() const noexcept { return path_; }
  // For curl, and without the field's name.
  std::string token_file() const { return path_ + "/token"; }
  const std::string& token() const noexcept { return token_; }

 private:
  std::string path_;
  std::string token_;
};

// What is known only when the demo starts.
struct DemoPlaces {
  std::string folder;
  SocketAddress bind;
  std::string admin;                    // "" for off
  std::array<std::string, 2> backends;  // addresses of v1 and v2
  // Somebody looks at the screen: lines for people take the place of the access log and of what the
  // diagnostics tell below errors.
  bool for_people = false;
};

// Names of the configuration that other parts of the demo know.
inline constexpr std::string_view demo_split_route = "shop";  // v1 and v2 as demo_split
inline constexpr std::string_view demo_broken_upstream = "v2";
inline constexpr std::array<std::uint32_t, 2> demo_split{90, 10};

std::expected<config::Loaded, std::vector<config::Problem>> demo_config(const DemoPlaces& places);

}  // namespace weir::app
