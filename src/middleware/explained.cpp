#include "weir/middleware/explained.hpp"

#include <fmt/format.h>

namespace weir {

Explained explain_refusal(std::string_view what, Reason reason, std::string_view detail) {
  const int status = status_of(reason);
  return {.text = fmt::format("{}: {} ({} {})", what, detail, status, name(reason)),
          .status = status,
          .reason = reason};
}

}  // namespace weir
