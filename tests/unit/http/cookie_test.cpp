#include "weir/http/cookie.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir {
namespace {

TEST(CookieValue, IsThatOfTheFirstPairOfTheName) {
  struct Row {
    std::string name;
    std::vector<std::string> fields;
    std::optional<std::string> value;
  };
  const std::vector<Row> rows{
      {"no field", {}, {}},
      {"alone", {"id=1"}, "1"},
      {"among others", {"a=0; id=1; b=2"}, "1"},
      {"without the space", {"a=0;id=1;b=2"}, "1"},
      {"spaces around", {" id = 1 ; b=2"}, "1"},
      {"the first of two", {"id=1; id=2"}, "1"},
      {"in a second field", {"a=0", "id=1"}, "1"},
      {"its value holds =", {"id=a=b"}, "a=b"},
      {"quotes are of the value", {"id=\"1\""}, "\"1\""},
      {"empty", {"id="}, ""},
      {"no pair", {"id"}, {}},
      {"no pair before it", {"id; id=1"}, "1"},
      {"another case", {"ID=1"}, {}},
      {"a longer name", {"xid=1; idx=2"}, {}},
      {"in another's value", {"a=id=1"}, {}},
      {"only semicolons", {";;;"}, {}},
      {"empty field", {""}, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    HeaderMap headers;
    headers.add("accept", "id=9");
    for (const std::string& field : row.fields) headers.add("Cookie", field);
    const auto value = cookie_value(headers, "id");
    EXPECT_EQ(value ? std::optional(std::string(*value)) : std::nullopt, row.value);
  }
}

}  // namespace
}  // namespace weir
