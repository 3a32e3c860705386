// Text with {variables}, as in rewrites, redirects, header values and fixed bodies. Parsed once at
// load, then const; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class TemplateVariable : std::uint8_t {
  client_ip,
  host,  // without port
  scheme,
  path,
  rest,   // what follows the matched prefix
  query,  // with its '?', "" if there is none
  request_id,
  route,
  upstream,
  attempt,     // of this request at upstreams, from 1: only where it is sent to one
  path_param,  // which one: its index
};

class TemplateText {
 public:
  TemplateText() = default;  // the empty text

  // `{name}` is a variable or one of `path_params`, `{{` and `}}` are a brace; a single `}` that
  // closes nothing is itself. The error says what is wrong, with
  // a suggestion for an unknown name.
  static std::expected<TemplateText, std::string> parse(
      std::string_view text, std::span<const std::string> path_params = {});

  bool is_literal() const noexcept { return variables_ == 0; }
  bool uses(TemplateVariable variable) const noexcept;

  // Appends the text; `lookup(TemplateVariable, std::size_t path_param_index)` gives each
  // variable's value as something a std::string can append, valid until the next call.
  template <class Lookup>
  void append_to(std::string& out, Lookup&& lookup) const {
    for (const Part& part : parts_) {
      out += part.literal;
      if (part.has_variable) out += lookup(part.variable, part.param);
    }
  }

  // The text of a literal. REQUIRES: is_literal().
  std::string_view literal() const noexcept {
    return parts_.empty() ? std::string_view() : std::string_view(parts_.front().literal);
  }

 private:
  struct Part {  // a literal, then perhaps a variable
    std::string literal;
    bool has_variable = false;
    TemplateVariable variable = TemplateVariable::client_ip;
    std::size_t param = 0;
  };

  std::vector<Part> parts_;
  std::size_t variables_ = 0;
};

// Whether {name} is one of the fixed variables: no path parameter may be called like one.
bool is_template_variable(std::string_view name) noexcept;

// The names of the {segments} of a path like "/orders/{id}", in order; the error names the segment
// that is not wholly a parameter, or the name that is malformed, taken or there twice.
std::expected<std::vector<std::string>, std::string> path_parameters(std::string_view path);

}  // namespace weir
