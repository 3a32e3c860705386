#include "config/foreign_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::size_t most_lines = 200;  // of a file that are looked at

ForeignFile found(Place place, std::string_view software) {
  return {std::move(place),
          fmt::format("this is a configuration of {}; docs/migrating.md shows how to write it for "
                      "Weir",
                      software)};
}

std::string_view first_word(std::string_view line) {
  return line.substr(0, line.find_first_of(" \t;{"));
}

bool is_among(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// A directive or a block that other server software begins a line with.
bool is_nginx(std::string_view line) {
  constexpr std::array<std::string_view, 13> words{
      "server", "http",    "events", "upstream", "location",  "worker_processes", "user",
      "listen", "include", "pid",    "stream",   "error_log", "load_module"};
  return is_among(first_word(line), words) &&
         (line.ends_with(';') || line.ends_with('{') || line.ends_with('}')) &&
         !first_word(line).ends_with(':');
}

bool is_haproxy(std::string_view line) {
  constexpr std::array<std::string_view, 5> words{"global", "defaults", "frontend", "backend",
                                                  "listen"};
  return is_among(first_word(line), words) && !line.contains(':') && !line.contains('{');
}

// An address of a site, then its block; or a directive inside.
bool is_caddy(std::string_view line) {
  constexpr std::array<std::string_view, 7> words{
      "reverse_proxy", "file_server", "encode", "handle", "handle_path", "php_fastcgi", "respond"};
  return is_among(first_word(line), words) && !line.contains(": ");
}

bool is_toml(std::string_view line) {
  constexpr std::array<std::string_view, 8> tables{
      "[entryPoints",           "[providers", "[http.",  "[api]", "[log]",
      "[certificatesResolvers", "[tcp.",      "[global]"};
  return std::ranges::any_of(tables,
                             [&](std::string_view start) { return line.starts_with(start); });
}

struct Mark {
  std::string_view key;
  std::string_view inside;  // a key of its value; "": any value
  std::string_view software;
};
// Keys at the root of other software's YAML.
constexpr std::array<Mark, 19> marks{{
    {"static_resources", "", "Envoy"},
    {"dynamic_resources", "", "Envoy"},
    {"route_config", "", "Envoy"},
    {"http", "routers", "Traefik"},
    {"http", "services", "Traefik"},
    {"http", "middlewares", "Traefik"},
    {"entryPoints", "", "Traefik"},
    {"providers", "docker", "Traefik"},
    {"providers", "file", "Traefik"},
    {"providers", "kubernetesCRD", "Traefik"},
    {"providers", "kubernetesIngress", "Traefik"},
    {"certificatesResolvers", "", "Traefik"},
    {"apiVersion", "", "Kubernetes (an object, not the file in it)"},
    {"_format_version", "", "Kong"},
    {"apps", "http", "Caddy"},
    {"services", "", "Docker Compose or of another gateway"},
    {"http", "gateway", "Express Gateway"},
    {"scrape_configs", "", "Prometheus"},
    {"endpoints", "", "KrakenD"},
}};

}  // namespace

std::optional<ForeignFile> foreign_file(const SourceText& source) {
  std::optional<Place> caddy;
  for (std::size_t number = 0; number < std::min(source.lines(), most_lines); ++number) {
    const std::string_view whole = source.line(number).substr(0, 500);
    const std::string_view line = trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t indent = whole.find_first_not_of(" \t");
    const Place place = source.place(number, indent);
    if (is_nginx(line)) return found(place, "nginx");
    if (indent == 0 && is_haproxy(line)) return found(place, "HAProxy");
    if (indent == 0 && is_toml(line)) return found(place, "Traefik (in TOML)");
    if (is_caddy(line)) return found(caddy.value_or(place), "Caddy");
    if (!caddy && indent == 0 && line.ends_with('{')) caddy = place;
  }
  return std::nullopt;
}

std::optional<ForeignFile> foreign_file(const SourceText& source, const YAML::Node& root) {
  if (root.IsScalar()) return foreign_file(source);
  if (!root.IsMap()) return std::nullopt;
  std::optional<ForeignFile> out;
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) continue;
    const std::string& key = entry.first.Scalar();
    if (key == "listeners" || key == "routes" || key == "upstreams") return std::nullopt;
    for (const Mark& mark : marks) {
      if (out || mark.key != key) continue;
      const bool inside =
          mark.inside.empty() || (entry.second.IsMap() && entry.second[std::string(mark.inside)]);
      if (inside) out = found(source.place_of(entry.first.Mark()), mark.software);
    }
  }
  return out;
}

}  // namespace weir::config
