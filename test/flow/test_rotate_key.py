"""Rotating the sealing key while the hub runs: nothing is lost, nothing stays under the old key, whatever happens meanwhile."""
import base64
import os
import signal
import subprocess
import unittest

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from processes import BUILD, Cluster, Process, environment, eventually, pg_bin
from world import World, msphub

OLD, NEW = os.urandom(32), os.urandom(32)


def seal(key_id, key, text, context):
    """As src/base/secret.c describes it, written a second time."""
    nonce = os.urandom(12)
    return f"v1:{key_id}:" + base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), context.encode())).decode()


def opened(keys, sealed, context):
    version, key_id, box = sealed.split(":")
    assert version == "v1"
    raw = base64.b64decode(box, validate=True)
    return AESGCM(keys[key_id]).decrypt(raw[:12], raw[12:], context.encode()).decode()


def write_keys(path, *keys):
    with open(path, "w", encoding="ascii") as f:
        f.write("# the first is current\n" + "".join(f"{key_id}:{key.hex()}\n" for key_id, key in keys))


def dump(cluster):
    """The whole database as text, as the superuser."""
    argv = [os.path.join(pg_bin(), "pg_dump"), "-h", cluster.dir, "-U", "postgres", "--inserts", "msphub"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


class Online(World):
    hub_options = {"log_level": "info"}

    def rotate(self, *flags, check=True):
        return self.hub.command("rotate-key", *flags, check=check)

    def reload(self):
        before = self.hub.process.text().count("config.reloaded") + self.hub.process.text().count("config.refused")
        self.hub.process.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.hub.process.text().count("config.reloaded") + self.hub.process.text().count("config.refused") > before,
                   "the hub has read its configuration again")

    def instance(self, key):
        return next(i for p in self.items("/api/v1/integrations") for i in p["instances"] if i["key"] == key)

    def test_the_procedure(self):
        write_keys(self.key_file, ("k1", OLD))
        self.reload()
        self.configure_ninja()
        self.configure_tactical()
        self.assertEqual(self.sync("ninjaone")["status"], "success")
        eventually(lambda: {self.instance(key)["status"] for key in ("ninjaone", "tacticalrmm")} == {"active"}, "both are checked")
        etag = self.api.get("/api/v1/integrations/ninjaone").headers["ETag"]
        rows = "select integration_id, version, updated_at, next_sync_at is null, status, enabled from integration_configurations order by 1"
        before = self.cluster.sql(rows)
        self.assertIn("v1:k1:", dump(self.cluster))

        # A bad file is refused, and the hub goes on with what it has.
        with open(self.key_file, "w", encoding="ascii") as f:
            f.write("k2:nothex\n")
        self.reload()
        self.assertIn("config.refused", self.hub.process.text())
        self.assertNotIn("nothex", self.hub.process.text())
        self.assertEqual(self.sync("ninjaone")["status"], "success")

        write_keys(self.key_file, ("k2", NEW), ("k1", OLD))
        self.reload()
        told = self.rotate("--dry-run").stdout
        self.assertIn("would be sealed anew with k2", told)
        self.assertIn("Key k1: ", told)
        self.assertNotIn("v1:k2:", dump(self.cluster))

        told = self.rotate().stdout
        self.assertIn("acme: ", told)
        self.assertRegex(told, r"Key k2 \(current\): \d+ values\n$")
        text = dump(self.cluster)
        self.assertNotIn("v1:k1:", text, "a sealed column is missing in src/store/sealed.def")
        self.assertIn("v1:k2:", text)
        self.assertEqual(self.cluster.sql(rows), before)
        version = etag.split("-")[0]
        self.assertEqual(self.api.get("/api/v1/integrations/ninjaone").headers["ETag"].split("-")[0], version)
        audit = self.cluster.sql("select actor_kind, action, target, after ->> 'key', after ->> 'values' from audit_logs where action = 'secrets.resealed'")
        self.assertEqual([row[:4] for row in audit], [["cli", "secrets.resealed", "acme", "k2"]])
        self.assertGreaterEqual(int(audit[0][4]), 4)

        # The hub goes on without a restart, and so it does when the old key is gone.
        for keys in ((("k2", NEW), ("k1", OLD)), (("k2", NEW),)):
            write_keys(self.key_file, *keys)
            self.reload()
            self.assertEqual(self.sync("ninjaone")["status"], "success")
            self.assertEqual(self.sync("tacticalrmm")["status"], "success")
            self.assertIsNone(self.instance("ninjaone")["error_message"])
        again = self.rotate().stdout
        self.assertNotIn("sealed anew", again)

        # Without its key an integration says what to do, and is well again once the key is back.
        write_keys(self.key_file, ("k3", os.urandom(32)))
        self.reload()
        broken = eventually(lambda: self.instance("ninjaone")["error_message"], "the integration says that it cannot be opened")
        self.assertIn("k2", broken)
        self.assertIn("key_file", broken)
        eventually(lambda: "integration.unusable" in self.hub.process.text(), "the log says it, too")
        failed = self.rotate(check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("acme/ninjaone/client_secret", failed.stdout)
        self.assertIn("acme/ninjaone/@hook_secret", failed.stdout)
        write_keys(self.key_file, ("k2", NEW))
        self.reload()  # the keys are there at once; the integrations are read again behind it
        eventually(lambda: self.api.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"}).status != 422, "the integration opens again")
        self.assertEqual(self.sync("ninjaone")["status"], "success")


class Interrupted(unittest.TestCase):
    """Many tenants and integrations, made by SQL and sealed here."""
    tenants, each = 40, 60

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.key_file = cls.cluster.dir + "/key"
        write_keys(cls.key_file, ("k1", OLD))
        msphub(cls.cluster, cls.key_file, "migrate")
        rows, cls.plain = [], {}
        cls.cluster.sql(f"insert into tenants (slug, name) select 't' || n, 'T' from generate_series(1, {cls.tenants}) n")
        ids = [int(r[0]) for r in cls.cluster.sql("select tenant_id from tenants order by 1")]
        n = 0
        for tenant in ids:
            for i in range(cls.each):
                n += 1
                make = {}
                for field, column in (("client_secret", "settings"), ("@hook_secret", "hook_secret"), ("@hook_secret", "hook_secret_previous"),
                                      ("@access_token", "access_token"), ("@refresh_token", "refresh_token")):
                    plain = f"{column}-{tenant}-{n}"
                    make[column] = seal("k1", OLD, plain, f"{tenant}/{n}/{field}")
                    cls.plain[(n, column)] = (plain, f"{tenant}/{n}/{field}")
                rows.append(f"({tenant},{n},'ninjaone','n{i}','{{\"base_url\":\"https://x.example\",\"client_id\":\"v1:k1:plain\",\"client_secret\":\"{make['settings']}\"}}',"
                            f"'hook{n}','{make['hook_secret']}','{make['hook_secret_previous']}','{make['access_token']}','{make['refresh_token']}')")
        with open(cls.cluster.dir + "/rows.sql", "w", encoding="ascii") as f:
            f.write("insert into integration_configurations (tenant_id, integration_id, provider, name, settings, hook, hook_secret,"
                    " hook_secret_previous, access_token, refresh_token) overriding system value values\n" + ",\n".join(rows) + ";\n")
        subprocess.run([os.path.join(pg_bin(), "psql"), "-h", cls.cluster.dir, "-U", "postgres", "-d", "msphub", "-Xq", "-v", "ON_ERROR_STOP=1",
                        "-f", cls.cluster.dir + "/rows.sql"], check=True)
        write_keys(cls.key_file, ("k2", NEW), ("k1", OLD))

    def rotation(self):
        return Process("rotate", [os.path.join(BUILD, "msphub"), "rotate-key"],
                       {"MSPHUB_DATABASE": self.cluster.conninfo, "MSPHUB_KEY_FILE": self.key_file})

    def stored(self):
        columns = ("settings", "hook_secret", "hook_secret_previous", "access_token", "refresh_token")
        found = {}
        for row in self.cluster.sql("select integration_id, settings ->> 'client_secret', hook_secret, hook_secret_previous, access_token,"
                                    " refresh_token from integration_configurations"):
            for column, sealed in zip(columns, row[1:]):
                found[(int(row[0]), column)] = sealed
        return found

    def check_all_open(self):
        stored = self.stored()
        self.assertEqual(stored.keys(), self.plain.keys())
        for place, sealed in stored.items():
            plain, context = self.plain[place]
            self.assertEqual(opened({"k1": OLD, "k2": NEW}, sealed, context), plain)
        return sum(sealed.startswith("v1:k1:") for sealed in stored.values())

    def test_ended_at_any_instant_and_gone_on_with(self):
        total = len(self.plain)
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            left = self.check_all_open()
            p = self.rotation()
            line = p.process.stdout.readline()
            self.assertIn("sealed anew", line, p.text())
            status = p.end(how)
            if how == signal.SIGTERM:
                self.assertEqual(status, 1)
                self.assertIn("interrupted", p.text())
            p.forget()
            now = self.check_all_open()
            self.assertLess(now, left)
            self.assertGreater(now, 0, "it was over before it could be ended")
        # An edit, a lease and a value that cannot be opened meanwhile.
        last, tenant = [int(v) for v in self.cluster.sql("select max(integration_id), max(tenant_id) from integration_configurations")[0]]
        self.cluster.sql(f"update integration_configurations set token_lease_owner = 'hub', token_lease_until = now() + interval '1 hour' where integration_id = {last}")
        self.cluster.sql("update integration_configurations set access_token = (select access_token from integration_configurations where integration_id = 1) where integration_id = 2")
        env = environment({"MSPHUB_DATABASE": self.cluster.conninfo, "MSPHUB_KEY_FILE": self.key_file})
        done = subprocess.run([os.path.join(BUILD, "msphub"), "rotate-key"], capture_output=True, text=True, env=env, timeout=120)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stdout, r"\n1 values that no key opens:\n  t1/ninjaone:n1/@access_token: .*moved here from another place")
        self.assertIn("Key k1: 1 values", done.stdout)
        self.assertEqual([place for place, sealed in self.stored().items() if sealed.startswith("v1:k1:")], [(last, "refresh_token")])

        self.cluster.sql(f"update integration_configurations set token_lease_owner = null, token_lease_until = null where integration_id = {last}")
        self.cluster.sql("update integration_configurations set access_token = null where integration_id = 2")
        del self.plain[(2, "access_token")]
        done = subprocess.run([os.path.join(BUILD, "msphub"), "rotate-key"], capture_output=True, text=True, env=env, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(done.stdout, f"t{tenant}: 1 sealed anew\nKey k2 (current): {total - 1} values\n")
        stored = {place: sealed for place, sealed in self.stored().items() if sealed}
        self.assertEqual(stored.keys(), self.plain.keys())
        for place, sealed in stored.items():
            self.assertEqual(opened({"k2": NEW}, sealed, self.plain[place][1]), self.plain[place][0])
        # A setting that only looks sealed is none, and no row was edited.
        self.assertEqual(self.cluster.sql("select distinct settings ->> 'client_id', version from integration_configurations"), [["v1:k1:plain", "1"]])
        audited = self.cluster.sql("select tenant_id, sum((after ->> 'values')::int) from audit_logs where action = 'secrets.resealed' group by 1")
        self.assertEqual(len(audited), self.tenants)
        self.assertEqual(self.cluster.value("select count(*) from audit_logs where action = 'integration.updated' and actor_kind = 'cli'"), "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
