// A file that is the configuration of other software: people try what they have. Pure.
#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>

#include "config/source_text.hpp"

namespace weir::config {

struct ForeignFile {
  Place place;
  std::string message;  // whose it is, and where to read on
};

// Of a text that is no YAML: nginx's, HAProxy's, Caddy's, Traefik's in TOML.
std::optional<ForeignFile> foreign_file(const SourceText& source);
// Of a YAML document, which may also be one text: Envoy's, Traefik's, Kubernetes', Compose's,
// Kong's.
std::optional<ForeignFile> foreign_file(const SourceText& source, const YAML::Node& root);

}  // namespace weir::config
