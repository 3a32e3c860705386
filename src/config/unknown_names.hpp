// Names that were asked for and are not defined, gathered until all of them are known: then one
// mistake can be told once. For one kind of name; one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"
#include "config/reader.hpp"

namespace weir::config {

class UnknownNames {
 public:
  // Kinds are called "upstream" in messages and stand in `section`.
  UnknownNames(std::string_view kind, std::string_view section) : kind_(kind), section_(section) {}

  void add(const Written& written) { asked_[written.text].push_back(written); }

  // Where `known` has a near name that nobody uses (`unused` gives its place) and several places
  // name what is unknown, the definition is the one that is misspelt.
  void tell(const std::vector<std::string_view>& known,
            const std::function<std::optional<Place>(std::string_view)>& unused,
            Problems& problems) const;

 private:
  std::string_view kind_;
  std::string_view section_;
  std::map<std::string, std::vector<Written>, std::less<>> asked_;
};

// "unknown upstream 'order-v1' (did you mean 'orders-v1'?)"
void tell_unknown(const Written& written, std::string_view kind,
                  const std::vector<std::string_view>& known, Problems& problems);

}  // namespace weir::config
