#include "weir/http/template_text.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

const std::vector<std::string> params{"id", "item"};

std::string expand(std::string_view text) {
  const auto parsed = TemplateText::parse(text, params);
  if (!parsed) return "error: " + parsed.error();
  std::string out;
  parsed->append_to(out, [](TemplateVariable variable, std::size_t param) {
    if (variable == TemplateVariable::path_param) return "<" + params[param] + ">";
    return "#" + std::to_string(static_cast<int>(variable));
  });
  return out;
}

TEST(TemplateText, Expands) {
  const struct {
    std::string_view text;
    std::string_view expanded;
  } rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"/v2/{id}/{item}/{id}", "/v2/<id>/<item>/<id>"},
      {"{client_ip}{upstream}", "#0#8"},
      {"{scheme}://{host}{path}{query}", "#2://#1#3#5"},
      {"{{\"a\": 1}", "{\"a\": 1}"},
      {"{{{id}}", "{<id>}"},
      {"{nme}", "error: unknown variable {nme}"},
      {"{hosst}", "error: unknown variable {hosst} (did you mean {host}?)"},
      {"{itm}", "error: unknown variable {itm} (did you mean {item}?)"},
      {"{host", "error: '{' without '}'; write '{{' for a brace"},
      {"a}b}}", "a}b}"},
      {"{{{{a}}}}", "{{a}}"},
      {"{{\"a\": {{\"b\": \"{id}\"}} }}", "{\"a\": {\"b\": \"<id>\"} }"},
      {"{id}}}", "<id>}"},
      {"{}", "error: '{' must be followed by a variable and '}'; write '{{' for a brace"},
      {"{ host }", "error: '{' must be followed by a variable and '}'; write '{{' for a brace"},
  };
  for (const auto& row : rows) EXPECT_EQ(expand(row.text), row.expanded) << row.text;
}

TEST(TemplateText, KnowsALiteral) {
  EXPECT_TRUE(TemplateText::parse("a{{b}")->is_literal());
  EXPECT_EQ(TemplateText::parse("a{{b}")->literal(), "a{b}");
  EXPECT_EQ(TemplateText().literal(), "");
  EXPECT_FALSE(TemplateText::parse("{host}")->is_literal());
}

TEST(PathParameters, AreWholeSegments) {
  EXPECT_EQ(path_parameters("/a/{x}/b/{y-1}").value(), (std::vector<std::string>{"x", "y-1"}));
  EXPECT_TRUE(path_parameters("/a").value().empty());
  for (const std::string_view bad :
       {"/a{x}", "/{x}b", "/{", "/{}", "/{a b}", "/{x}/{x}", "/{host}", "/}", "/{a{b}}"}) {
    EXPECT_FALSE(path_parameters(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace weir
