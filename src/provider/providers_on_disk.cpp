// What of the providers is kept for a restart.
#include <expected>
#include <utility>

#include "provider/state_file.hpp"
#include "weir/provider/providers.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::provider {

namespace log = telemetry::log;

std::string Providers::state_file() const {
  return state_dir_ + "/provider-" + etcd_->provider->name() + ".json";
}

void Providers::load(Remote& remote) {
  if (state_dir_.empty()) return;
  const std::string path = state_file();
  const auto text = read_state(path);
  if (text && text->empty()) return;
  auto documents =
      text ? parse_state(*text, remote.provider->name(), remote.settings.prefix)
           : std::expected<std::vector<InForce>, std::string>(std::unexpected(text.error()));
  if (!documents) {
    log::warn("documents of before cannot be read", {{"file", path}, {"error", documents.error()}});
    return;
  }
  in_force_ = std::move(*documents);
  if (in_force_.empty()) return;
  // At the start a build comes anyway, and before that.
  needs_build_ = true;
  arm(times_.gather);
  log::info("documents of before are served until the provider answers",
            {{"provider", remote.provider->name()},
             {"documents", std::to_string(in_force_.size())},
             {"file", path}});
}

void Providers::keep(bool keeps) {
  keeps_ = keeps;
  if (keeps_ && std::exchange(save_again_, false)) save();
}

void Providers::save() {
  if (state_dir_.empty() || !etcd_ || !etcd_->is_listed) return;
  if (saving_ || !keeps_) {
    save_again_ = true;
    return;
  }
  saving_ = true;
  hooks_.aside([this, path = state_file(), provider = etcd_->provider->name(),
                origin = etcd_->settings.prefix, documents = in_force_,
                weak = std::weak_ptr(alive_)]() -> ProvidersHooks::Then {
    std::string error;
    try {
      error = write_state(path, state_text(provider, origin, documents));
    } catch (const std::exception& failure) {  // no memory
      error = failure.what();
    }
    return [this, path, error, weak] {
      if (weak.expired()) return;
      saving_ = false;
      if (!error.empty()) {
        log::error("documents cannot be kept for a restart", {{"file", path}, {"error", error}});
      }
      if (std::exchange(save_again_, false)) save();
    };
  });
}

}  // namespace weir::provider
