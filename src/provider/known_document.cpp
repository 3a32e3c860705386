#include "provider/known_document.hpp"

namespace weir::provider {
namespace {

constexpr std::size_t most_faults = 20;

}  // namespace

Version KnownDocument::version() const {
  std::call_once(read_, [this] {
    auto names = config::read_document({place_, document_->text, std::nullopt});
    if (names) {
      names_ = std::move(*names);
      return;
    }
    for (const config::Problem& problem : names.error()) {
      if (faults_.size() == most_faults) break;
      faults_.push_back(problem.to_string());
    }
  });
  return {names_ ? &*names_ : nullptr, faults_};
}

const char* to_text(Verdict::Use use) noexcept {
  switch (use) {
    case Verdict::Use::in_force:
      return "in_force";
    case Verdict::Use::last_good:
      return "last_good";
    case Verdict::Use::held:
      return "held";
    default:
      return "refused";
  }
}

}  // namespace weir::provider
