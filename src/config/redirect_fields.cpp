#include "config/blocks.hpp"
#include "config/kinds.hpp"

namespace weir::config {

Value redirect_status(int& status) {
  const auto check = [](std::string_view written) -> Parsed<int> {
    for (const int known : {301, 302, 303, 307, 308}) {
      if (written == std::to_string(known)) return known;
    }
    return std::unexpected(in_quotes(written) + " is not one of 301, 302, 303, 307, 308");
  };
  return {.read =
              [&status, check](const Reader& in) {
                if (const auto value = in.parse(check)) status = *value;
              },
          .print = [&status] { return Tree(std::int64_t{status}); },
          .schema =
              [] {
                Tree values = Tree::list();
                for (const int known : {301, 302, 303, 307, 308}) values.push(std::int64_t{known});
                return or_variable(Tree::map({{"enum", std::move(values)}}));
              }};
}

namespace {

Fields fields(RedirectHttps& redirect) {
  return {{"port", count(redirect.port, 1, 65535), "of the https URL; 443 is left out"},
          {"status", redirect_status(redirect.status), "301, 302, 303, 307 or 308"}};
}

}  // namespace

Value redirect_https_value(std::optional<RedirectHttps>& redirect) {
  return switchable_block(redirect, [](RedirectHttps& one) { return fields(one); });
}

}  // namespace weir::config
