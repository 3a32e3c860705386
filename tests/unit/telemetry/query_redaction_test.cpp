#include "telemetry/query_redaction.hpp"

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

struct Row {
  const char* name;
  std::string_view query;
  std::string_view shown;
};

class QueryRedaction : public testing::TestWithParam<Row> {};

TEST_P(QueryRedaction, Shows) {
  std::string shown;
  append_redacted(shown, GetParam().query);
  EXPECT_EQ(shown, GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, QueryRedaction,
    testing::Values(
        Row{"empty", "", ""}, Row{"nothing_secret", "a=1&b=2", "a=1&b=2"},
        Row{"each_name", "access_token=1&token=2&key=3&password=4&sig=5",
            "access_token=REDACTED&token=REDACTED&key=REDACTED&password=REDACTED&sig=REDACTED"},
        Row{"any_case", "ToKeN=x", "ToKeN=REDACTED"},
        Row{"name_encoded", "%74oke%6E=x", "%74oke%6E=REDACTED"},
        Row{"name_encoded_upper", "%54OKEN=x", "%54OKEN=REDACTED"},
        Row{"name_badly_encoded", "token%=x&token%4=x", "token%=x&token%4=x"},
        Row{"longer_name", "mytoken=x&tokens=y&access_token_2=z",
            "mytoken=x&tokens=y&access_token_2=z"},
        Row{"value_with_equals", "sig=a=b==&c=d", "sig=REDACTED&c=d"},
        Row{"empty_value", "key=&a=1", "key=REDACTED&a=1"}, Row{"no_value", "token&a", "token&a"},
        Row{"semicolon", "a=1;token=x;b=2", "a=1;token=REDACTED;b=2"},
        Row{"separators_kept", "&&key=x&", "&&key=REDACTED&"},
        Row{"second_occurrence", "key=a&key=b", "key=REDACTED&key=REDACTED"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace weir::telemetry
