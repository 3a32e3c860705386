// The gateway's own files as a provider. They are read by who builds, since they hold more than
// documents; this tells what is known of them. Main thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/provider/provider.hpp"

namespace weir::provider {

class FileProvider final : public Provider {
 public:
  const std::string& name() const noexcept override { return name_; }
  void start(std::function<void()> changed) override { static_cast<void>(changed); }
  std::shared_ptr<const Documents> documents() const override { return documents_; }
  ProviderState state() const override { return state_; }
  void stop() override {}

  // They were read, and are in force since then.
  void took(const std::vector<std::string>& files, std::uint64_t generation);
  // They could not be taken; what was in force before stays.
  void failed(std::string why);

 private:
  const std::string name_ = "file";
  std::shared_ptr<const Documents> documents_;  // without their texts
  ProviderState state_;
};

}  // namespace weir::provider
