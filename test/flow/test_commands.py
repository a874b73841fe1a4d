"""The command line: configuration errors say what, where and how to mend it; migrate is safe to repeat."""
import os
import subprocess
import tempfile
import unittest

from processes import BUILD, Cluster, environment

MSPHUB = os.path.join(BUILD, "msphub")


def run(*argv, **env):
    return subprocess.run([MSPHUB, *argv], capture_output=True, text=True, env=environment(env), timeout=60)


class Configuration(unittest.TestCase):
    def file(self, text):
        f = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False)
        f.write(text)
        f.close()
        self.addCleanup(os.unlink, f.name)
        return f.name

    def refused(self, *says, text=None, argv=(), **env):
        argv = list(argv) + (["--config", self.file(text)] if text is not None else [])
        done = run("check-config", *argv, **env)
        self.assertEqual(done.returncode, 78, done)
        for word in says:
            self.assertIn(word, done.stderr)
        return done.stderr

    def test_a_good_file_is_good(self):
        done = run("check-config", "--config", self.file("log_level = debug\n# a comment\nsync_batch = 500\n"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("good", done.stdout)

    def test_unknown_name_gets_the_nearest_and_its_line(self):
        self.refused(":2:", "sync_bach", "sync_batch", text="log_level = info\nsync_bach = 5\n")

    def test_value_out_of_range_names_the_range(self):
        self.refused(":1:", "retire_brake", "100", text="retire_brake = 500\n")

    def test_value_of_the_wrong_kind(self):
        self.refused("http_head_timeout", text="http_head_timeout = soon\n")
        self.refused("log_level", text="log_level = loud\n")

    def test_environment_and_flags(self):
        self.refused("MSPHUB_LISTN", "listen", MSPHUB_LISTN="x")
        self.refused("--retire-brake", argv=["--retire-brake", "oops"])
        done = run("check-config", "--dump", "--sync-batch", "7", "--config", self.file("sync_batch = 5\n"), MSPHUB_SYNC_BATCH="6")
        self.assertRegex(done.stdout, r"(?m)^sync_batch = 7\b")

    def test_missing_file_and_missing_certificate(self):
        done = run("check-config", "--config", "/nonexistent/msphub.conf")
        self.assertEqual(done.returncode, 78)
        self.assertIn("/nonexistent/msphub.conf", done.stderr)
        self.refused("/nonexistent.pem", text="tls_cert = /nonexistent.pem\ntls_key = /nonexistent.key\n")

    def test_a_bad_key_file_names_its_line_and_not_its_key(self):
        key = self.file("k1:deadbeef\n")
        told = self.refused(key, text=f"key_file = {key}\n")
        self.assertNotIn("deadbeef", told)

    def test_dump_masks_the_database_password(self):
        done = run("check-config", "--dump", "--database", "postgresql://hub:hunter2@db.example/msphub")
        self.assertNotIn("hunter2", done.stdout)
        done = run("check-config", "--dump", "--database", "host=db user=hub password=hunter2 dbname=x")
        self.assertNotIn("hunter2", done.stdout)

    def test_the_example_is_a_good_file(self):
        example = run("check-config", "--example").stdout
        self.assertEqual(run("check-config", "--config", self.file(example)).returncode, 0)

    def test_unknown_command_and_help(self):
        done = run("frobnicate")
        self.assertEqual(done.returncode, 64)
        self.assertIn("frobnicate", done.stderr)
        told = run("help").stdout
        for word in ("serve", "migrate", "api-key", "sync_interval"):
            self.assertIn(word, told)


class Migrate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def migrate(self, *flags):
        return run("migrate", *flags, MSPHUB_DATABASE=self.cluster.conninfo)

    def test_plan_apply_again_changed_newer(self):
        plan = self.migrate("--plan")
        self.assertEqual(plan.returncode, 0, plan)
        self.assertIn("would apply 0001", plan.stdout)
        self.assertEqual(self.cluster.value("select to_regclass('schema_migrations') is null"), "t")
        self.assertEqual(self.migrate().returncode, 0)
        before = self.cluster.value("select string_agg(version || sha256, ',' order by version) from schema_migrations")
        again = self.migrate()
        self.assertEqual(again.returncode, 0)
        self.assertIn("current", again.stdout)
        self.assertEqual(before, self.cluster.value("select string_agg(version || sha256, ',' order by version) from schema_migrations"))

        self.cluster.sql("update schema_migrations set sha256 = 'x' where version = 1")
        changed = self.migrate()
        self.assertEqual(changed.returncode, 1)
        self.assertIn("checksum", changed.stderr)
        self.cluster.sql("delete from schema_migrations where version = 1; insert into schema_migrations values (9999, 'future', 'x')")
        newer = self.migrate()
        self.assertEqual(newer.returncode, 1)
        self.assertIn("9999", newer.stderr)

    def test_no_database(self):
        done = run("migrate", MSPHUB_DATABASE="host=/nonexistent dbname=x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("connecting", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
