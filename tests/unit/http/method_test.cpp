#include "weir/http/method.hpp"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

TEST(Method, Rows) {
  struct Row {
    const char* text;
    Method method;
    const char* label;
    bool safe, idempotent;
  };
  const Row rows[] = {
      {"GET", Method::get, "GET", true, true},
      {"HEAD", Method::head, "HEAD", true, true},
      {"POST", Method::post, "POST", false, false},
      {"PUT", Method::put, "PUT", false, true},
      {"DELETE", Method::delete_, "DELETE", false, true},
      {"CONNECT", Method::connect, "CONNECT", false, false},
      {"OPTIONS", Method::options, "OPTIONS", true, true},
      {"TRACE", Method::trace, "TRACE", true, true},
      {"PATCH", Method::patch, "PATCH", false, false},
      {"get", Method::other, "_OTHER", false, false},
      {"PURGE", Method::other, "_OTHER", false, false},
      {"_OTHER", Method::other, "_OTHER", false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(parse_method(row.text), row.method);
    EXPECT_EQ(method_label(row.method), row.label);
    EXPECT_EQ(is_safe(row.method), row.safe);
    EXPECT_EQ(is_idempotent(row.method), row.idempotent);
  }
}

}  // namespace
}  // namespace weir::test
