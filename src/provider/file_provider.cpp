#include "weir/provider/file_provider.hpp"

namespace weir::provider {

void FileProvider::took(const std::vector<std::string>& files, std::uint64_t generation) {
  auto next = std::make_shared<Documents>();
  for (const std::string& file : files) {
    next->push_back(
        std::make_shared<const Document>(Document{file, std::to_string(generation), ""}));
  }
  documents_ = std::move(next);
  state_ = {.up = true, .error = {}, .from = {}, .revision = static_cast<std::int64_t>(generation)};
}

void FileProvider::failed(std::string why) {
  state_.up = false;
  state_.error = std::move(why);
}

}  // namespace weir::provider
