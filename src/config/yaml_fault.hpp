// What is wrong with a text that the YAML library refused, in plain words and where its writer
// would look. Pure.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "config/source_text.hpp"

namespace weir::config {

struct YamlFault {
  Place place;
  std::string message;
};

// Looks at the text up to where the library stopped, once; nothing of the library's own words is in
// the message.
YamlFault explain_yaml_error(const SourceText& source, const YAML::Exception& failure);

// "the text that " begins here has no end; write " at its end"
std::string quote_without_end(char quote);

}  // namespace weir::config
