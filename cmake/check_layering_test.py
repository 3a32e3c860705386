"""check_layering.py on small trees."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_layering


def problems(files: dict[str, str]) -> list[str]:
    """What it says of a tree with these files, without the count at the end."""
    with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()) as out:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sys.argv = ["check_layering.py", root]
        check_layering.main()
    return out.getvalue().splitlines()[:-1]


LOOP = {"include/weir/net/loop.hpp": "namespace weir::net {\nclass Loop final : public Base {\n};\n}\n"}


class Includes(unittest.TestCase):
    def test_of_a_higher_room(self):
        found = problems({"src/http/a.cpp": '#include "weir/net/loop.hpp"\n'} | LOOP)
        self.assertEqual(found, ["src/http/a.cpp:1: http (floor 1) includes net (floor 2)"])

    def test_of_a_lower_room(self):
        self.assertEqual(problems({"src/codec/a.cpp": '#include "weir/net/loop.hpp"\n'} | LOOP), [])


class ForwardDeclarations(unittest.TestCase):
    def test_of_a_higher_room(self):
        text = "namespace weir {\nnamespace net {\nclass Loop;\n}\nstruct Info {\n  net::Loop* loop;\n};\n}\n"
        self.assertEqual(problems({"include/weir/http/info.hpp": text} | LOOP),
                         ["include/weir/http/info.hpp:3: http (floor 1) declares weir::net::Loop of net (floor 2)"])

    def test_of_a_type_without_a_namespace_of_its_room(self):
        found = problems({"src/http/a.hpp": "namespace weir {\nclass Marks;\n}\n",
                          "src/middleware/b.hpp": "namespace weir {\n// One\nclass Marks {\n};\n}\n"})
        self.assertEqual(found, ["src/http/a.hpp:2: http (floor 1) declares weir::Marks of middleware (floor 4)"])

    def test_of_a_type_that_nobody_defines(self):
        found = problems({"src/http/a.hpp": "namespace weir::server { enum class Phase : int; }\n"})
        self.assertEqual(found, ["src/http/a.hpp:1: http (floor 1) declares weir::server::Phase of server (floor 6)"])

    def test_of_a_neighbour(self):
        found = problems({"src/http/a.hpp": "namespace weir { namespace config { struct Route; } }\n",
                          "src/config/b.hpp": "namespace weir::config { struct Route { int a; }; }\n"})
        self.assertEqual(found, ["src/http/a.hpp:1: http (floor 1) declares weir::config::Route of config (floor 1)"])

    def test_of_the_same_room_a_lower_one_and_a_library(self):
        self.assertEqual(problems({"src/net/a.hpp": "namespace weir::net { class Loop; }\n",
                                   "src/codec/b.hpp": "namespace weir::net { class Loop; }\nstruct ssl_st;\n"} | LOOP), [])

    def test_what_is_no_declaration(self):
        text = ('namespace weir {\n// namespace net { class Loop; }\n/* class Marks; */\n'
                'const char* text = "{ class Loop;";\nchar brace = \'{\';\n'
                'struct A {\n  class Marks;\n  friend class Marks;\n};\nint big = 1\'000\'000;\n}\n')
        self.assertEqual(problems({"src/http/a.hpp": text,
                                   "src/middleware/b.hpp": "namespace weir {\nclass Marks {};\n}\n"} | LOOP), [])


class Callers(unittest.TestCase):
    def test_of_what_others_find_const(self):
        text = "void f(Exchange& exchange) {\n  exchange.fill_context().rest = {};\n}\n"
        self.assertEqual(problems({"src/server/a.cpp": text, "src/proxy/b.cpp": text}),
                         ["src/proxy/b.cpp:2: fill_context() is for codec, http, server alone"])


class HiddenFunctions(unittest.TestCase):
    A = "namespace weir {\nnamespace {\n\nint twice(int a) {\n  return 2 * a;\n}\n\n}  // namespace\n}\n"

    def test_of_one_name_in_a_room(self):
        other = "namespace weir {\nnamespace {\nauto twice(double a) -> double { return a + a; }\n}\n}\n"
        self.assertEqual(problems({"src/http/a.cpp": self.A, "src/http/b.cpp": other}),
                         ["src/http/b.cpp:3: twice is also in the unnamed namespace of src/http/a.cpp:4; rename one, "
                          "or make both one"])

    def test_of_overloads_in_one_file(self):
        self.assertEqual(problems({"src/http/a.cpp": self.A + self.A.replace("int a", "long a")}), [])

    def test_where_they_do_not_meet(self):
        self.assertEqual(problems({"src/http/a.cpp": self.A, "src/net/b.cpp": self.A,
                                   "src/http/c.cpp": self.A.replace("namespace weir", "namespace weir::other")}), [])

    def test_what_is_no_function_there(self):
        member = "namespace weir {\nnamespace {\nstruct A {\n  int twice(int a) { return a; }\n};\n}\nint A::twice(int) {\n}\n}\n"
        called = "namespace weir {\nnamespace {\nconst int b = twice(2);\nconst Table c{twice(3)};\n}\n}\n"
        self.assertEqual(problems({"src/http/a.cpp": self.A, "src/http/b.cpp": member, "src/http/c.cpp": called}), [])

    def test_of_static_functions(self):
        one = "namespace weir {\nstatic int twice(int a) {\n  return 2 * a;\n}\n}\n"
        self.assertEqual(problems({"src/http/a.cpp": one, "src/http/b.cpp": self.A}),
                         ["src/http/b.cpp:4: twice is also in the unnamed namespace of src/http/a.cpp:2; rename one, "
                          "or make both one"])

    def test_of_unit_tests_in_any_folders(self):
        found = problems({"tests/unit/base/a_test.cpp": self.A, "tests/unit/http/b_test.cpp": self.A,
                          "tests/unit/net/c_test.cpp": self.A.replace("namespace weir", "namespace weir::net"),
                          "src/http/a.cpp": self.A})
        self.assertEqual(found, ["tests/unit/http/b_test.cpp:4: twice is also in the unnamed namespace of "
                                 "tests/unit/base/a_test.cpp:4; rename one, or make both one"])

    def test_of_macros_of_tests(self):
        one = self.A.replace("int twice(int a)", "TEST(Twice, Is)")
        self.assertEqual(problems({"tests/unit/base/a_test.cpp": one, "tests/unit/base/b_test.cpp": one}), [])


class HiddenTypesAndConstants(unittest.TestCase):
    @staticmethod
    def hidden(text):
        return "namespace weir {\nnamespace {\n" + text + "\n}\n}\n"

    def found(self, one, other):
        return problems({"src/http/a.cpp": self.hidden(one), "src/http/b.cpp": self.hidden(other)})

    def test_of_one_name(self):
        for one, other, name in (
                ("struct Row {\n  int a;\n};", "class Row final : public Base {\n};", "Row"),
                ("enum class Kind : int { a };", "using Kind = int;", "Kind"),
                ("using Text = int;", "using Text = long;", "Text"),
                ("constexpr int most = 3;", "const std::array<int, 2> most{1, 2};", "most"),
                ("const Row rows[] = {{1}, {2}};", "constexpr std::string_view rows[2]{};", "rows"),
                ("constexpr const char* const name = \"a\";", "std::string name(int a) {\n}", "name")):
            with self.subTest(one=one, other=other):
                self.assertEqual(self.found(one, other),
                                 [f"src/http/b.cpp:3: {name} is also in the unnamed namespace of src/http/a.cpp:3; "
                                  "rename one, or make both one"])

    def test_what_may_be(self):
        for one, other in (
                ("using Text =\n    std::vector<int>;", "using Text = std::vector<int>;"),
                ("struct Row {\n  struct In {\n  };\n  static constexpr int most = 1;\n};",
                 "struct In {\n};\nconstexpr int most = 2;"),
                ("struct Row;", "struct Row {\n};"),
                ("void f() {\n  constexpr int most = 1;\n  struct Row {\n  };\n}",
                 "constexpr int most = 1;\nstruct Row {\n};")):
            with self.subTest(one=one, other=other):
                self.assertEqual(self.found(one, other), [])
        for text in ("struct Row {\n};", "constexpr int most = 1;", "using Text = int;"):
            with self.subTest(text=text):
                self.assertEqual(problems({"src/http/a.cpp": self.hidden(text), "src/net/b.cpp": self.hidden(text)}), [])


class Length(unittest.TestCase):
    def test_of_a_file(self):
        self.assertEqual(len(problems({"src/http/a.cpp": "\n" * 401})), 1)


if __name__ == "__main__":
    unittest.main()
