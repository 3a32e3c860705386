// The seam for configuration that comes from somewhere: a provider gives documents, says when there
// is something new, and is told how the last ones were taken. The file is one (FileProvider), etcd
// another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/provider/document.hpp"

namespace weir::provider {

// How it is with where the documents come from.
struct ProviderState {
  bool up = false;
  std::string error;          // why not, "" while it is up
  std::string from;           // whom it listens to at this moment, "" for nobody
  std::int64_t revision = 0;  // of what it gave last; 0: it has none
};

class Provider {
 public:
  virtual ~Provider() = default;
  // "file", "etcd"; a label of metrics.
  virtual const std::string& name() const noexcept = 0;
  // Begins to listen. `changed` is called by any thread whenever documents() or state() may give
  // something else than before; not after stop(). Main thread, once.
  virtual void start(std::function<void()> changed) = 0;
  // All that there are; null as long as that is not known. What is not listed any more is gone. Any
  // thread.
  virtual std::shared_ptr<const Documents> documents() const = 0;
  virtual ProviderState state() const = 0;
  // How its documents of the last build were taken. Main thread.
  virtual void taken(std::span<const Verdict> verdicts) { static_cast<void>(verdicts); }
  virtual void stop() = 0;
};

}  // namespace weir::provider
