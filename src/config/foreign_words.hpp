// What people bring along from other software: keys that it has and Weir calls otherwise, values in
// a shape that is not Weir's. Each with what to write instead. Pure tables.
#pragma once

#include <string>
#include <string_view>

namespace weir::config {

struct ForeignKey {
  std::string_view instead;  // the key of the same block that it stands for; "" for none
  std::string_view remedy;   // "write `bind: ADDRESS`"
};

// `block`: path of the mapping that has the key. Case, '_' and '-' of the key do not count. Null
// where the key is nobody's.
const ForeignKey* foreign_key(std::string_view block, std::string_view key);

// What to write where a mapping or a list was expected at `path`; "" where nothing special is
// known.
std::string_view shape_remedy(std::string_view path);

// "routes[].match" of "routes[2].match"; "upstreams.*" and "middleware.*" of what is named there.
std::string path_pattern(std::string_view path);

}  // namespace weir::config
