// Any text is a template or says in one line why not; what parses expands to its own text and the
// values, and to nothing longer. The first line names the parameters, as a path.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/template_text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// A text as a template that stands for it.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '{' || c == '}' ? 2 : 1, c);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::TemplateText;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  std::vector<std::string> params;
  std::string_view text = input;
  if (line != std::string_view::npos) {
    text.remove_prefix(line + 1);
    if (auto named = weir::path_parameters(input.substr(0, line))) {
      params = std::move(*named);
      for (const std::string& name : params) require(!weir::is_template_variable(name));
    } else {
      require(!named.error().empty());
    }
  }

  if (const auto parsed = TemplateText::parse(text, params)) {
    std::size_t asked = 0;
    std::string out;
    parsed->append_to(out, [&](weir::TemplateVariable variable, std::size_t param) {
      require(variable != weir::TemplateVariable::path_param || param < params.size());
      ++asked;
      return std::string_view();
    });
    require(parsed->is_literal() == (asked == 0));
    require(!parsed->is_literal() || parsed->literal() == out);
    require(out.size() <= text.size());
  } else {
    require(!parsed.error().empty());
  }

  const auto literal = TemplateText::parse(quoted(text), params);
  require(literal && literal->is_literal() && literal->literal() == text);
  return 0;
}
