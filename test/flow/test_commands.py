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

    def keys(self, mode=0o600, name="k7"):
        """A key file, and the key in it."""
        key = os.urandom(32).hex()
        path = self.file(f"{name}:{key}\n")
        os.chmod(path, mode)
        return path, key

    def told(self, **env):
        done = run("check-config", **env)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout + done.stderr

    def test_where_the_keys_come_from_is_told_and_never_a_key(self):
        path, key = self.keys()
        told = self.told(MSPHUB_KEY_FILE=path)
        self.assertIn(f"Sealing keys: 1, in the file {path}; the current one is k7.", told)
        folder = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, folder)
        self.assertIn("Sealing keys: none", self.told(CREDENTIALS_DIRECTORY=folder))
        credential = os.path.join(folder, "msphub.key")
        with open(credential, "w", encoding="ascii") as f:
            f.write("c1:" + key)
        self.addCleanup(os.unlink, credential)
        told += self.told(CREDENTIALS_DIRECTORY=folder)
        self.assertIn(f"systemd's credential {credential}; the current one is c1", told)
        self.assertIn(f"in the file {path}", self.told(CREDENTIALS_DIRECTORY=folder, MSPHUB_KEY_FILE=path))  # the option wins
        told += self.told(MSPHUB_KEYS=f"e2:{key},e1:{os.urandom(32).hex()}")
        self.assertIn("Sealing keys: 2, in the environment variable MSPHUB_KEYS; the current one is e2.", told)
        self.assertIn("current one is e1", self.told(MSPHUB_KEYS=f"e1:{os.urandom(32).hex()}\ne2:{key}\n"))
        told += self.refused("MSPHUB_KEYS", "keep one", MSPHUB_KEYS="e2:" + key, MSPHUB_KEY_FILE=path)
        told += self.refused("MSPHUB_KEYS", "line 1", MSPHUB_KEYS="e2:" + key[:-1])
        told += self.refused("--keys", argv=["--keys", "e2:" + "0" * 64])
        self.assertNotIn(key[:-1], told)

    def test_a_key_file_that_others_may_read_or_write(self):
        self.assertNotIn("warning", self.told(MSPHUB_KEY_FILE=self.keys(0o640)[0]))
        self.assertIn("can be read by everybody", self.told(MSPHUB_KEY_FILE=self.keys(0o644)[0]))
        path, _ = self.keys(0o602)
        self.refused(path, "chmod 600", MSPHUB_KEY_FILE=path)

    def test_an_option_from_a_file(self):
        secret = self.file("postgresql://hub:hunter2@db.example/msphub?application_name=from-file\n")
        dumped = run("check-config", "--dump", MSPHUB_DATABASE_FILE=secret).stdout
        self.assertIn("application_name=from-file", dumped)
        self.assertNotIn("hunter2", dumped)
        self.refused("MSPHUB_DATABASE_FILE", "keep one", MSPHUB_DATABASE_FILE=secret, MSPHUB_DATABASE="x")
        self.refused("MSPHUB_DATABASE_FILE", "/nonexistent", MSPHUB_DATABASE_FILE="/nonexistent")
        self.refused("MSPHUB_LOG_LEVEL_FILE", "log_level", MSPHUB_LOG_LEVEL_FILE=self.file("in\x01fo"))
        self.refused("MSPHUB_SYNC_BATCH_FILE", MSPHUB_SYNC_BATCH_FILE=secret)  # only what is text
        self.refused("MSPHUB_NOSUCH_FILE", MSPHUB_NOSUCH_FILE=secret)
        path, _ = self.keys()
        self.assertIn(path, self.told(MSPHUB_KEY_FILE=path))  # an option of that very name

    def test_private_networks(self):
        self.told(MSPHUB_PRIVATE_NETWORKS="10.1.2.0/24, fd00:7::/32 ,192.168.7.9")
        self.refused("private_networks", "10.1.2.0/33", MSPHUB_PRIVATE_NETWORKS="10.1.2.0/33")
        self.refused("private_networks", "10.1.2.3/24", "did you mean 10.1.2.0/24?", MSPHUB_PRIVATE_NETWORKS="10.1.2.3/24")

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
