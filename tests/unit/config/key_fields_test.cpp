#include "config/key_fields.hpp"

#include <gtest/gtest.h>

#include "config/problems.hpp"

namespace weir::config {
namespace {

struct Read {
  Key key;
  std::vector<std::string> problems;
};

Read read(const std::string& yaml) {
  Read out;
  out.key.parts = {{KeySource::global, ""}};
  Problems problems;
  LoadContext context{problems, "."};
  const SourceText source("f", yaml);
  key(out.key).read(Reader(context, YAML::Load(yaml), source, "key"));
  for (const Problem& each : problems.take_errors()) out.problems.push_back(each.to_string());
  return out;
}

TEST(KeyFields, ReadAndPrintEachForm) {
  struct Row {
    std::string yaml;
    std::vector<KeyPart> parts;
    std::string text;
  };
  const std::vector<Row> rows{
      {"client_ip", {{KeySource::client_ip, ""}}, "client_ip"},
      {"host", {{KeySource::host, ""}}, "host"},
      {"global", {{KeySource::global, ""}}, "global"},
      {"{header: X-Tenant}", {{KeySource::header, "X-Tenant"}}, "header X-Tenant"},
      {"{cookie: id}", {{KeySource::cookie, "id"}}, "cookie id"},
      {"{jwt_claim: sub}", {{KeySource::jwt_claim, "sub"}}, "jwt_claim sub"},
      {"{path_param: id}", {{KeySource::path_param, "id"}}, "path_param id"},
      {"[{header: a}, {header: b}, client_ip]",
       {{KeySource::header, "a"}, {KeySource::header, "b"}, {KeySource::client_ip, ""}},
       "header a + header b + client_ip"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.yaml);
    Read out = read(row.yaml);
    EXPECT_EQ(out.problems, std::vector<std::string>());
    EXPECT_EQ(out.key.parts, row.parts);
    EXPECT_EQ(to_text(out.key), row.text);
    EXPECT_EQ(read(key(out.key).print().to_json()).key, out.key);
  }
}

TEST(KeyFields, SayWhatIsWrong) {
  struct Row {
    std::string yaml;
    std::string problem;
  };
  const std::string forms =
      "; write client_ip, host, global, {header: NAME}, {cookie: NAME}, {jwt_claim: NAME}, "
      "{path_param: NAME}, or a list of these";
  const std::vector<Row> rows{
      {"clientip", "f:1:1: key: 'clientip' is not a key" + forms + " (did you mean 'client_ip'?)"},
      {"header", "f:1:1: key: 'header' needs a name; write {header: NAME}"},
      {"{headr: a}",
       "f:1:2: key.headr: 'headr' is not a key" + forms + " (did you mean 'header'?)"},
      {"{host: a}", "f:1:2: key.host: 'host' takes no name; write it alone"},
      {"{header: a, cookie: b}",
       "f:1:13: key.cookie: a key has one source; write a list to join several"},
      {"{}", "f:1:1: key: is not a key" + forms},
      {"[]", "f:1:1: key: must not be empty" + forms},
      {"[host, host]", "f:1:8: key[1]: is given twice"},
      {"[host, [global]]", "f:1:8: key[1]: expected one value, got a list"},
      {"[{header: a}, {header: b}, {header: c}, {header: d}, {header: e}, {header: f}, "
       "{header: g}, {header: h}, {header: i}]",
       "f:1:1: key: has more than 8 parts"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.yaml);
    const Read out = read(row.yaml);
    EXPECT_EQ(out.problems, std::vector<std::string>{row.problem});
  }
  EXPECT_EQ(read("{header: 'a b'}").problems.size(), 1u);
  EXPECT_EQ(read("{cookie: 'a;b'}").problems.size(), 1u);
}

TEST(KeyFields, FitTheirPlace) {
  const std::vector<std::string> params{"id"};
  const Key claim{{{KeySource::host, ""}, {KeySource::jwt_claim, "sub"}}};
  EXPECT_EQ(key_fault(claim, params, true), "");
  EXPECT_EQ(key_fault(claim, params, false),
            "the key jwt_claim 'sub' needs a jwt middleware before it in the list");
  EXPECT_EQ(key_fault({{{KeySource::path_param, "id"}}}, params, false), "");
  EXPECT_EQ(key_fault({{{KeySource::path_param, "ids"}}}, params, false),
            "the key path_param 'ids' is not a parameter of the path; name one there: {ids}");
}

}  // namespace
}  // namespace weir::config
