#include "weir/config/model.hpp"

#include <algorithm>
#include <filesystem>

namespace weir::config {

const Middleware* Config::find_middleware(std::string_view name) const noexcept {
  const auto found = std::ranges::find(middleware, name, &Middleware::name);
  return found == middleware.end() ? nullptr : &*found;
}

const Upstream* Config::find_upstream(std::string_view name) const noexcept {
  const auto found = std::ranges::find(upstreams, name, &Upstream::name);
  return found == upstreams.end() ? nullptr : &*found;
}

std::string Hsts::field_value() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(max_age).count();
  std::string out = "max-age=" + std::to_string(seconds);
  if (subdomains) out += "; includeSubDomains";
  if (preload) out += "; preload";
  return out;
}

std::string Config::resolve(std::string_view file) const {
  const std::filesystem::path path(file);
  return path.is_absolute() ? path.string() : (std::filesystem::path(folder) / path).string();
}

}  // namespace weir::config
