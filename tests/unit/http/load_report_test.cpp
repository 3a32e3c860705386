#include "weir/http/load_report.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

struct Seen {
  double application = 0;
  double cpu = 0;
  double rps = 0;
  double eps = 0;
};

TEST(LoadReport, IsRead) {
  struct Row {
    const char* name;
    std::string field;
    Seen seen;
  };
  const Row rows[] = {
      {"all of them",
       "TEXT application_utilization=0.8,cpu_utilization=0.7,rps_fractional=1000.5,eps=2",
       {0.8, 0.7, 1000.5, 2}},
      {"with spaces", "TEXT  cpu_utilization = 0.5 ,\trps_fractional= 10 ", {0, 0.5, 10, 0}},
      {"with colons", "TEXT cpu_utilization:0.5,eps:1e2", {0, 0.5, 0, 100}},
      {"above its limit", "TEXT cpu_utilization=1.5", {0, 1.5, 0, 0}},
      {"others beside", "TEXT mem_utilization=0.9,named_metrics.queue=-4,eps=1", {0, 0, 0, 1}},
      {"elements that are empty", "TEXT ,eps=1,,", {0, 0, 0, 1}},
      {"nothing at all", "TEXT ", {}},
      {"a small number", "TEXT cpu_utilization=1e-05", {0, 1e-5, 0, 0}},
      {"JSON", R"(JSON {"cpu_utilization": 0.3, "rps_fractional":7,"eps" :0})", {0, 0.3, 7, 0}},
      {"JSON in camel case",
       R"(JSON {"applicationUtilization":0.25,"cpuUtilization":1,"rpsFractional":2.5e1})",
       {0.25, 1, 25, 0}},
      {"JSON with spaces around", "JSON  \t{ }  ", {}},
      {"JSON without a value", R"(JSON {"eps":null,"cpu_utilization":1})", {0, 1, 0, 0}},
      {"JSON with others",
       R"(JSON {"named_metrics":{"a\"\u00e9":-1,"b":{"c":[1,true,false,null,"]"]}},"eps":3,"x":[]})",
       {0, 0, 0, 3}},
      {"names inside are others'",
       R"(JSON {"utilization":{"eps":5,"eps":"x"},"eps":3})",
       {0, 0, 0, 3}},
      {"JSON at its deepest", R"(JSON {"a":[[[[[[[1]]]]]]],"eps":1})", {0, 0, 0, 1}},
  };
  for (const Row& row : rows) {
    const auto read = parse_load_report(row.field);
    ASSERT_TRUE(read) << row.name;
    EXPECT_EQ(read->application_utilization, row.seen.application) << row.name;
    EXPECT_EQ(read->cpu_utilization, row.seen.cpu) << row.name;
    EXPECT_EQ(read->rps, row.seen.rps) << row.name;
    EXPECT_EQ(read->eps, row.seen.eps) << row.name;
  }
}

TEST(LoadReport, WhatIsWrongIsRefused) {
  struct Row {
    const char* name;
    std::string field;
  };
  const Row rows[] = {
      {"empty", ""},
      {"no form", "cpu_utilization=1"},
      {"another form", "YAML eps: 1"},
      {"another case", "text eps=1"},
      {"without a space", "TEXT"},
      {"no number", "TEXT eps=one"},
      {"no value", "TEXT eps="},
      {"no separator", "TEXT eps"},
      {"no name", "TEXT =1"},
      {"in quotes", "TEXT eps=\"1\""},
      {"more behind the number", "TEXT eps=1s"},
      {"twice", "TEXT eps=1,eps=1"},
      {"twice in two spellings", "TEXT cpu_utilization=1,cpuUtilization=1"},
      {"below zero", "TEXT eps=-1"},
      {"infinite", "TEXT eps=inf"},
      {"not a number", "TEXT cpu_utilization=nan"},
      {"too large", "TEXT eps=1e999"},
      {"another's is not a number", "TEXT mem_utilization=x,eps=1"},
      {"a hexadecimal", "TEXT eps=0x10"},
      {"a sign", "TEXT eps=+1"},
      {"too long", "TEXT eps=1" + std::string(longest_load_report, ' ')},
      {"JSON of nothing", "JSON "},
      {"JSON, a list", "JSON [1]"},
      {"JSON, two", "JSON {} {}"},
      {"JSON, not closed", R"(JSON {"eps":1)"},
      {"JSON, a comma at the end", R"(JSON {"eps":1,})"},
      {"JSON, no comma", R"(JSON {"eps":1 "cpu_utilization":1})"},
      {"JSON, twice", R"(JSON {"eps":1,"eps":1})"},
      {"JSON, a text", R"(JSON {"eps":"1"})"},
      {"JSON, a nought before", R"(JSON {"eps":01})"},
      {"JSON, a point alone", R"(JSON {"eps":1.})"},
      {"JSON, no digits", R"(JSON {"eps":-})"},
      {"JSON, no exponent", R"(JSON {"eps":1e})"},
      {"JSON, a plus", R"(JSON {"eps":+1})"},
      {"JSON, too large", R"(JSON {"eps":1e999})"},
      {"JSON, below zero", R"(JSON {"eps":-0.1})"},
      {"JSON, no name", "JSON {1:1}"},
      {"JSON, a control in a text", "JSON {\"a\":\"\x01\"}"},
      {"JSON, an escape that is none", R"(JSON {"a":"\x"})"},
      {"JSON, half an escape", R"(JSON {"a":"\u12"})"},
      {"JSON, a text without end", R"(JSON {"a":"\")"},
      {"JSON, a word that is none", R"(JSON {"a":nul})"},
      {"JSON, too deep", R"(JSON {"a":[[[[[[[[1]]]]]]]]})"},
      {"JSON, very deep", "JSON {\"a\":" + std::string(4000, '[')},
  };
  for (const Row& row : rows) {
    const auto read = parse_load_report(row.field);
    ASSERT_FALSE(read) << row.name;
    EXPECT_EQ(read.error(), LoadReportFault::malformed) << row.name;
  }
}

TEST(LoadReport, BinaryOnesAreNotRead) {
  for (const char* field : {"BIN ", "BIN CZqZmZmZmek/"}) {
    const auto read = parse_load_report(field);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), LoadReportFault::binary);
  }
}

}  // namespace
}  // namespace weir
