#include "config/unknown_names.hpp"

#include <fmt/format.h>

namespace weir::config {

void tell_unknown(const Written& written, std::string_view kind,
                  const std::vector<std::string_view>& known, Problems& problems) {
  problems.error(written.place, written.path,
                 fmt::format("unknown {} {}{}", kind, in_quotes(written.text),
                             problems.known_words(written.text, known)));
}

void UnknownNames::tell(const std::vector<std::string_view>& known,
                        const std::function<std::optional<Place>(std::string_view)>& unused,
                        Problems& problems) const {
  for (const auto& [name, places] : asked_) {
    const std::string_view near = problems.nearest_word(name, known);
    const auto misspelt = near.empty() ? std::nullopt : unused(near);
    if (places.size() > 1 && misspelt) {
      problems.error(
          *misspelt, fmt::format("{}.{}", section_, near),
          fmt::format("no route uses {} {}, and {} places name {} (did you mean {}?)", kind_,
                      in_quotes(near), places.size(), in_quotes(name), in_quotes(name)));
    } else if (places.size() > 1 && near.empty()) {
      problems.error(places.front().place, places.front().path,
                     fmt::format("unknown {} {}, here and in {} more places{}", kind_,
                                 in_quotes(name), places.size() - 1, problems.known_words(known)));
    } else {
      for (const Written& each : places) tell_unknown(each, kind_, known, problems);
    }
  }
}

}  // namespace weir::config
