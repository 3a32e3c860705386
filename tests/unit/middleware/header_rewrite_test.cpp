#include "weir/middleware/header_rewrite.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir {
namespace {

using SentFields = std::vector<std::pair<std::string, std::string>>;

std::string fields_text(const HeaderMap& headers) {
  std::string out;
  for (const HeaderMap::Field& field : headers) {
    if (!out.empty()) out += "; ";
    out += field.name;
    out += ": ";
    out += field.value;
  }
  return out;
}

struct RewriteRow {
  const char* name;
  config::HeaderChanges changes;  // set, add, remove
  SentFields sent;
  const char* first;
  const char* third;  // "" for a rewrite that does not use {attempt}
};

const RewriteRow rewrite_table[]{
    {"without it", {{{"x-a", "{host}"}}, {}, {}}, {}, "x-a: a.test", ""},
    {"set", {{{"x-a", "{attempt}"}}, {}, {}}, {{"X-A", "9"}}, "x-a: 1", "x-a: 3"},
    {"among text",
     {{{"x-a", "try {attempt} of {host}"}}, {}, {}},
     {},
     "x-a: try 1 of a.test",
     "x-a: try 3 of a.test"},
    {"added to those of the client",
     {{}, {{"x-a", "{attempt}"}}, {}},
     {{"x-a", "c"}, {"b", "2"}},
     "x-a: c; b: 2; x-a: 1",
     "x-a: c; b: 2; x-a: 3"},
    {"set and added",
     {{{"x-a", "s"}}, {{"X-A", "{attempt}"}}, {}},
     {},
     "x-a: s; X-A: 1",
     "x-a: s; X-A: 3"},
    {"set, and another one added",
     {{{"x-a", "{attempt}"}}, {{"x-a", "more"}}, {}},
     {},
     "x-a: 1; x-a: more",
     "x-a: 3; x-a: more"},
    {"removed and added",
     {{}, {{"x-a", "{attempt}"}}, {"x-a"}},
     {{"x-a", "c"}},
     "x-a: 1",
     "x-a: 3"},
    {"added twice",
     {{}, {{"x-a", "{attempt}"}, {"x-a", "d"}}, {}},
     {{"x-a", "c"}},
     "x-a: c; x-a: 1; x-a: d",
     "x-a: c; x-a: 3; x-a: d"},
};

TEST(HeaderRewrite, WritesAgainWhatDiffersFromTryToTry) {
  for (const RewriteRow& row : rewrite_table) {
    const HeaderRewrite rewrite(row.changes, {});
    Request request;
    request.head.host = "a.test";
    for (const auto& [name, value] : row.sent) request.head.headers.add(name, value);
    const ConnectionInfo connection;
    Exchange exchange(connection, TimePoint());
    rewrite.apply(request.head.headers, request, exchange);
    EXPECT_EQ(fields_text(request.head.headers), row.first) << row.name;
    EXPECT_EQ(rewrite.uses_attempt(), *row.third != '\0') << row.name;
    if (!rewrite.uses_attempt()) continue;
    for (int attempt = 1; attempt <= 3; ++attempt) {
      exchange.record.tell_attempt("", {}, {});
      rewrite.apply_again(request.head.headers, request, exchange);
    }
    EXPECT_EQ(fields_text(request.head.headers), row.third) << row.name;
  }
}

}  // namespace
}  // namespace weir
