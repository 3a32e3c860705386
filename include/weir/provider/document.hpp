// What providers give. Plain values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/config/model.hpp"

namespace weir::provider {

// A document as its provider has it now.
struct Document {
  std::string name;     // unique in its provider; what order the documents have
  std::string version;  // another one when the text is another one
  std::string text;     // YAML: routes, upstreams, middleware, certificates
};
using Documents = std::vector<std::shared_ptr<const Document>>;  // by name, each once

// Who serves an upstream, where nothing else of the configuration changes.
struct EndpointUpdate {
  std::string upstream;
  std::vector<config::EndpointSpec> endpoints;
};

// What became of a document.
struct Verdict {
  enum class Use {
    in_force,   // this version
    last_good,  // the one that was in force before
    held,       // it is gone, but for what others still ask for
    refused,    // nothing of it
  };
  std::string document;
  std::string version;  // which was judged
  Use use = Use::in_force;
  std::vector<std::string> problems;  // a line each; empty when there is nothing to say
};
const char* to_text(Verdict::Use use) noexcept;  // "in_force"

}  // namespace weir::provider
