"""The guard of bench/ (./dev bench --check): what it makes of figures and their baseline, and that the baseline
has a figure for each scene. The figures themselves come from callgrind."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "load"))
import instruction_check as guard  # noqa: E402  (bench/load is no package)

TOOLS = {"g++": "12.2.0"}


class BenchGuardTest(unittest.TestCase):
    def told(self, found, expected, baseline_tools=TOOLS):
        """(all is well, what is printed)."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            good = guard.report(guard.compare(found, expected), baseline_tools, TOOLS)
        return good, out.getvalue()

    def test_two_percent_above_is_the_limit(self):
        good, text = self.told({"h1_small": 10_200}, {"h1_small": 10_000})
        self.assertTrue(good, text)
        self.assertIn("+2.00 %", text)
        good, text = self.told({"h1_small": 10_201, "h1_64k": 5}, {"h1_small": 10_000, "h1_64k": 5})
        self.assertFalse(good)
        self.assertEqual(text.count("MORE THAN 2% ABOVE"), 1, text)
        self.assertIn("--take-baseline", text)

    def test_a_scene_without_a_figure_fails(self):
        good, text = self.told({"h1_small": 10_000}, {})
        self.assertFalse(good)
        self.assertIn("NO BASELINE", text)

    def test_what_was_gained_is_to_be_kept(self):
        good, text = self.told({"h1_small": 9_500}, {"h1_small": 10_000})
        self.assertTrue(good)
        self.assertIn("take a new one", text)
        self.assertNotIn("take a new one", self.told({"h1_small": 9_700}, {"h1_small": 10_000})[1])

    def test_other_tools_are_named(self):
        self.assertIn("g++ 13", self.told({"h1_small": 1}, {"h1_small": 1}, {"g++": "13"})[1])
        self.assertNotIn("taken with", self.told({"h1_small": 1}, {"h1_small": 1})[1])

    def test_the_kind_of_build_is_that_of_its_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "weir")
            program.touch()
            for value, kind in (("ON", "bundles"), ("OFF", "files")):
                Path(folder, "CMakeCache.txt").write_text(f"A:BOOL=ON\nWEIR_UNITY:BOOL={value}\n")
                self.assertEqual(guard.kind_of_build(program), kind)
            os.remove(Path(folder, "CMakeCache.txt"))
            with self.assertRaisesRegex(guard.BenchError, "--kind"):
                guard.kind_of_build(program)

    @unittest.skipUnless(guard.BASELINE.exists(), "no baseline was taken yet: ./dev bench --check --take-baseline")
    def test_the_baseline_has_all_scenes(self):
        baseline = json.loads(guard.BASELINE.read_text())
        self.assertLessEqual(set(baseline), {"bundles", "files"})
        for entry in baseline.values():
            self.assertEqual(sorted(entry["instructions"]), sorted(guard.SCENES))
            self.assertEqual(sorted(entry["taken_with"]), sorted(guard.tools()))


if __name__ == "__main__":
    unittest.main()
