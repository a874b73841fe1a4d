#!/usr/bin/env python3
"""What schema/embed.py makes of queries and migrations, and what it refuses with file and line."""

import importlib.util
import pathlib
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location("embed", ROOT / "schema" / "embed.py")
embed = importlib.util.module_from_spec(spec)
spec.loader.exec_module(embed)


class Embed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def queries(self, text, name="asset.sql"):
        (self.path / name).write_text(text, encoding="utf-8")
        return embed.make_queries(self.path)

    def refuses(self, text, expected, name="asset.sql"):
        with self.assertRaises(embed.Mistake) as caught:
            self.queries(text, name)
        self.assertIn(expected, str(caught.exception))

    def test_two_queries(self):
        header, source, _ = self.queries(
            "-- The file.\n\n-- name: list\n-- $1 tenant, not $9\nselect $1, $2;\n\n-- a section\n\n-- name: get\nselect 1\n"
        )
        self.assertIn("Q_ASSET_LIST; /* asset.list(2) */", header)
        self.assertIn("Q_ASSET_GET; /* asset.get(0) */", header)
        self.assertIn('"select $1, $2",', source)
        self.assertNotIn("section", source)

    def test_no_queries(self):
        header, _, inputs = embed.make_queries(self.path / "absent")
        self.assertIn("#include", header)
        self.assertEqual(inputs, [])

    def test_what_only_looks_like_a_parameter_or_an_end(self):
        for sql in "'$7;'", "E'\\'$7;'", '"$7;"', "$$ $7; $$", "$x$ $$ $7; $x$", "/* $7; */", "1 -- $7;\n":
            header, _, _ = self.queries(f"-- name: q\nselect $1, {sql}, $1\n")
            self.assertIn("asset.q(1)", header, sql)

    def test_text_survives(self):
        _, source, _ = self.queries('-- name: q\nselect \'\\ "ü\' as "??="\n')
        self.assertIn(r"'\\ \"\303\274' as \"\?\?=\"", source)

    def test_mistakes(self):
        self.refuses("-- name: q\nselect 1; select 2\n", "asset.sql:1: a query is one statement")
        self.refuses("-- name: q\nselect $1, $3\n", "$2 is wrong")
        self.refuses("-- name: q\nselect $0\n", "$0 is wrong")
        self.refuses("-- name: q\n-- nothing\n", "no statement")
        self.refuses("-- name: Q\nselect 1\n", "asset.sql:1: a query's name")
        self.refuses("\nselect 1\n", "asset.sql:2: SQL before")
        self.refuses("-- name: q\nselect 1\n-- name: q\nselect 2\n", "asset.sql:3: Q_ASSET_Q is also made by")
        self.refuses("-- name: q\nselect 1\n", "file's name", name="a-b.sql")

    def test_migrations(self):
        (self.path / "0002_more.sql").write_text("select 2;")
        (self.path / "0001_first.sql").write_text("select 1;\n")
        _, source, _ = embed.make_migrations(self.path)
        self.assertLess(source.index('"first"'), source.index('"more"'))
        self.assertIn("4a45092ccf992ea92250053a80b931b787924ba61648f420555511b84f10ab6c", source)
        (self.path / "0002_again.sql").write_text("select 3;")
        self.assertRaises(embed.Mistake, embed.make_migrations, self.path)

    def test_migrations_with_wrong_names(self):
        for name in "1_x.sql", "0000_x.sql", "0001-x.sql", "0001_X.sql":
            path = self.path / name
            path.write_text("select 1;")
            self.assertRaises(embed.Mistake, embed.make_migrations, self.path)
            path.unlink()


if __name__ == "__main__":
    unittest.main()
