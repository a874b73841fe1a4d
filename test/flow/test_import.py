"""`msphub import`: mappings and accounts of a former installation."""
import base64
import os
import tempfile
import unittest

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from world import World


class Mappings(World):
    @classmethod
    def build(cls):
        super().build()
        world = cls("test_organizations")
        world.configure_ninja()
        world.configure_tactical()
        world.sync("ninjaone")
        world.sync("tacticalrmm")
        cls.new_tenant("other", "Other MSP")

    def run_import(self, what, text, *flags, tenant="acme"):
        with tempfile.NamedTemporaryFile("wb", suffix=".csv", delete=False) as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        self.addCleanup(os.unlink, f.name)
        return self.hub.command("import", what, f.name, "--tenant", tenant, *flags, check=False)

    def imported(self, what, text, *flags):
        done = self.run_import(what, text, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, what, text, *reasons, **kw):
        done = self.run_import(what, text, **kw)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for reason in reasons:
            self.assertIn(reason, done.stderr)

    def organizations(self, key="ninjaone"):
        return self.items(f"/api/v1/integrations/{key}/organizations")

    # --- organizations ---

    def test_organizations(self):
        first, second, third = self.organizations()[:3]
        tactical = self.organizations("tacticalrmm")[0]
        head = "integration,organization_id,organization,client,client_reference\r\n"
        text = (head + f'ninjaone,{first["external_id"]},,"Ärzte, ""Nord""",K-1\r\n'
                f'ninjaone,{second["external_id"]},,Süd GmbH,\r\n'
                f'tacticalrmm,{tactical["external_id"]},,"ärzte, ""nord""",K-1\r\n')
        self.assertIn("nothing was changed", self.imported("organizations", text, "--dry-run"))
        self.assertEqual(self.items("/api/v1/clients"), [])
        self.assertEqual(self.imported("organizations", text), "3 lines: 3 organizations mapped anew, 2 clients made, 0 given their reference.\n")
        self.assertEqual(self.imported("organizations", text), "3 lines: 0 organizations mapped anew, 0 clients made, 0 given their reference.\n")
        clients = {c["reference"]: c for c in self.items("/api/v1/clients")}
        self.assertEqual({c["name"]: c["organizations"] for c in clients.values()}, {'Ärzte, "Nord"': 2, "Süd GmbH": 1})
        self.assertEqual({o["client"] for o in self.organizations()[:3]}, {'Ärzte, "Nord"', "Süd GmbH", None})
        audit = self.items("/api/v1/audit?action=organization.updated")
        self.assertEqual({a["actor"]["kind"] for a in audit}, {"cli"})
        self.assertEqual(len(audit), 3)

        for text, *reasons in (
                ("", "the file is empty"),
                ("integration,client\nninjaone,X\n", 'line 2: "organization_id" and "organization" are both empty'),
                (head + "ninjaone,1,,X\n", "line 2: 4 fields where the header has 5"),
                (head.replace("client,", "customer,"), 'line 1: there is no column "client"'),
                (head.replace("client_reference", "colour"), 'nothing is known of a column "colour"'),
                (head + f"nosuch,1,,X,\nninjaone,999999,,Y,\nninjaone,{third['external_id']},,Z,\n",
                 'line 2: there is no integration "nosuch"', 'line 3: ninjaone has no organization with the id "999999"'),
                (head + f"ninjaone,{third['external_id']},,A,\nninjaone,,{third['name'].upper() if ',' not in third['name'] else ''},B,\n",
                 "line 3: the same organization as line 2, with another client") if "," not in third["name"] and '"' not in third["name"]
                else ("", "the file is empty"),
                (head + f'ninjaone,{third["external_id"]},,New,K-1\n', 'line 2: the reference "K-1" is of the client'),
                (head + f'ninjaone,{third["external_id"]},,"Ärzte, ""Nord""",K-2\n', 'has the reference "K-1" here')):
            self.refused("organizations", text, *reasons)
        self.refused("organizations", (head + "ninjaone,1,,Ärzte,\n").encode("latin-1"), "line 2: not UTF-8")
        self.refused("organizations", head, "there is no tenant of this slug", tenant="nosuch")
        self.assertEqual(len(self.items("/api/v1/clients")), 2)  # a bad file changes nothing
        self.assertIsNone(next(o for o in self.organizations() if o["id"] == third["id"])["client"])
        # Another tenant's organizations are none of this one's.
        self.refused("organizations", head + f"ninjaone,{first['external_id']},,Mine,\n", 'there is no integration "ninjaone"', tenant="other")

    # --- devices ---

    def sources(self):
        rows = self.cluster.sql("select i.provider, s.external_id, s.asset_id, s.name_key = a.name_key from asset_sources s"
                                " join integration_configurations i using (tenant_id, integration_id) join assets a using (tenant_id, asset_id)")
        self.assertEqual({r[3] for r in rows}, {"t"})
        return {(r[0], r[1]): int(r[2]) for r in rows}

    def test_devices(self):
        before = self.sources()
        ninja = sorted(k for k in before if k[0] == "ninjaone")
        tactical = sorted(k for k in before if k[0] == "tacticalrmm")
        alert = self.cluster.value(f"insert into rmm_alerts (tenant_id, integration_id, series, asset_id, state, changed_at, triggers, first_received_at, stamps)"
                                   f" select tenant_id, integration_id, 'import-test', {before[tactical[0]]}, 'triggered', now(), '{{1}}', now(), '{{}}'"
                                   " from integration_configurations where provider = 'tacticalrmm' returning alert_id")
        text = "machine,integration,device_id,name\n"
        for i in range(3):
            text += f"M{i},ninjaone,{ninja[i][1]},\nM{i},tacticalrmm,{tactical[i][1]},\n"
        text += "M3,ninjaone,424242,Future one\nM3,tacticalrmm,not-yet-there,\nM0,ninjaone,515151,\n"
        self.assertIn("nothing was changed", self.imported("devices", text, "--dry-run"))
        self.assertEqual(self.sources(), before)
        self.assertEqual(self.imported("devices", text),
                         "9 lines: 3 devices moved to their machine's asset, 3 bound before a sync has seen them, 1 assets made, 3 retired.\n")
        after = self.sources()
        for i in range(3):
            self.assertEqual(after[ninja[i]], min(before[ninja[i]], before[tactical[i]]))
            self.assertEqual(after[ninja[i]], after[tactical[i]])
        self.assertEqual(after["ninjaone", "424242"], after["tacticalrmm", "not-yet-there"])
        self.assertEqual(after["ninjaone", "515151"], after[ninja[0]])
        gone = max(before[ninja[0]], before[tactical[0]])
        self.assertIn("merged by import", self.ok(self.api.get(f"/api/v1/assets/{gone}"))["retire_reason"])
        self.assertEqual(int(self.cluster.value(f"select asset_id from rmm_alerts where alert_id = {alert}")), after[tactical[0]])
        self.assertIn("0 devices moved", self.imported("devices", text))
        self.assertEqual(self.sources(), after)
        self.assertEqual(self.items("/api/v1/audit?action=assets.imported")[0]["after"]["lines"], 9)

        # Syncs find the machines again: no double, and what two products say of one is one asset.
        self.sync("ninjaone")
        self.sync("tacticalrmm")
        for key, asset in after.items():
            self.assertEqual(self.sources()[key], asset)
        asset = self.ok(self.api.get(f"/api/v1/assets/{after[ninja[0]]}"))
        self.assertEqual({s["integration"] for s in asset["sources"]}, {"ninjaone", "tacticalrmm"})

        head = "machine,integration,device_id\n"
        self.refused("devices", head + f"X,ninjaone,{ninja[0][1]}\nY,tacticalrmm,{tactical[0][1]}\n", "it is one asset with the machine of line 2 here")
        self.refused("devices", head + "X,ninjaone,7\nX,ninjaone,7\nY,ninjaone,7\n", "line 3: the same device as line 2",
                     'line 4: the device "7" of ninjaone is another machine in line 2')
        self.refused("devices", head + "X,,7\n", 'line 2: "integration" is empty')
        self.assertEqual({k: v for k, v in self.sources().items() if k in after}, after)


LOGIN, PASSWORD = "sim-msp360-login", 'sim-msp360-"pass"word'  # what the simulator takes
SECRETS = (PASSWORD, "first-password-of-other", "second-password-of-other")


def gcm(key, text, coding, tag_first):
    iv = os.urandom(12)
    box = AESGCM(key).encrypt(iv, text.encode(), None)
    data, tag = box[:-16], box[-16:]
    return ":".join(coding(part) for part in ((iv, tag, data) if tag_first else (iv, data, tag)))


def base64_text(data):
    return base64.b64encode(data).decode()


class Mspbackups(World):
    sim_flags = ("--seed", "7", "--msp360-computers", "8", "--msp360-companies", "2")

    @classmethod
    def build(cls):
        super().build()
        cls.other = cls.connect(cls.new_tenant("other", "Other MSP"))
        cls.cipher_key = os.urandom(32)
        cls.key_path = cls.file_of(base64.urlsafe_b64encode(cls.cipher_key).decode() + "\n")

    @classmethod
    def file_of(cls, text):
        with tempfile.NamedTemporaryFile("w", prefix="msphub-flow-", dir="/tmp", delete=False) as f:
            f.write(text)
        cls.addClassCleanup(os.unlink, f.name)
        return f.name

    def tearDown(self):
        self.cluster.sql("drop schema if exists former cascade; delete from integration_configurations")

    def former(self, columns, rows, name="former.mspbackups_config"):
        """Makes the former table; rows of Python values (str, bool, None, bytes)."""
        def literal(v):
            if isinstance(v, bytes):
                return "'\\x" + v.hex() + "'::bytea"
            return "null" if v is None else str(v).lower() if isinstance(v, (bool, int)) else "'" + v.replace("'", "''") + "'"
        self.table = name
        self.cluster.sql(f"create schema if not exists former; drop table if exists {name}; create table {name} ({columns});"
                         "grant usage on schema former to msphub; grant select on all tables in schema former to msphub")
        for row in rows:
            self.cluster.sql(f"insert into {name} values ({', '.join(literal(v) for v in row)})")

    def take(self, *flags, status=0):
        """Runs it; gives what it printed. The former table is as it was, and no secret was printed."""
        content = f"select md5(string_agg(t::text || t.xmin || t.ctid, ',' order by t.ctid)) from {self.table} t"
        before = self.cluster.value(content)
        done = self.hub.command("import", "mspbackups", "--table", self.table, "--allow-private-networks=yes", *flags, check=False)
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        self.assertEqual(self.cluster.value(content), before)
        for secret in SECRETS:
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def said(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)

    def settings(self, api):
        seen = self.ok(api.get("/api/v1/integrations/msp360"))
        return seen["settings"], seen["enabled"]

    def absent(self, api):
        self.problem(api.get("/api/v1/integrations/msp360"), 404)

    def test_columns_plain_and_a_real_sync(self):
        self.former("partner_id text, username text, api_secret text, endpoint text, is_active text",
                    [("acme", LOGIN, PASSWORD, self.sim.msp360, "yes"), ("other", "o", SECRETS[1], None, "f"), ("stranger", "s", SECRETS[2], None, None)])
        tried = self.take("--dry-run", status=1)
        self.said(tried, "acme (tenant acme): would be imported", "Nothing was changed")
        self.absent(self.api)
        done = self.take(status=1)  # one is without a tenant
        self.said(done, "acme (tenant acme): imported", "other (tenant other): imported", 'stranger: skipped: no tenant has the slug "stranger"',
                  "3 partners: 2 imported, 0 replaced, 0 unchanged, 0 refused, 1 without a tenant.", "parity: 7 of 7 values equal", "1 of 3 partners are not taken over")
        settings, enabled = self.settings(self.api)
        self.assertEqual((settings["api_login"], settings["base_url"], enabled), (LOGIN, self.sim.msp360, True))
        self.assertFalse(self.settings(self.other)[1])
        self.assertEqual(self.sync("msp360")["status"], "success")  # the password is the right one
        audit, = self.items("/api/v1/audit?action=integration.created")
        self.assertEqual(audit["actor"]["kind"], "cli")
        again = self.take(status=1)
        self.said(again, "acme (tenant acme): unchanged", "other (tenant other): unchanged", "parity: 7 of 7 values equal")
        self.assertEqual(len(self.items("/api/v1/audit?action=integration.created")), 1)

    def test_what_is_there_stays_unless_it_is_replaced(self):
        self.configure("msp360", {"api_login": LOGIN, "api_password": "of-today-0123456", "base_url": self.sim.msp360, "stale_days": 9})
        self.former("partner text, login text, password text, url text", [("acme", LOGIN, PASSWORD, self.sim.msp360)])
        self.said(self.take(status=1), "acme (tenant acme): refused: the tenant has an integration msp360 with other values", "parity: 0 of 0")
        self.said(self.take("--replace", "--dry-run"), "would be replaced")
        self.said(self.take("--replace"), "acme (tenant acme): replaced", "parity: 3 of 3 values equal")
        self.assertEqual(self.settings(self.api)[0]["stale_days"], 9)
        self.assertEqual(self.sync("msp360")["status"], "success")
        self.said(self.take("--replace"), "acme (tenant acme): unchanged")

    def test_rows_of_settings_encrypted(self):
        hexadecimal = bytes.hex
        rows = [("17", "API_LOGIN", Fernet(base64.urlsafe_b64encode(self.cipher_key)).encrypt(LOGIN.encode()).decode()),
                ("17", "API_PASSWORD", gcm(self.cipher_key, PASSWORD, hexadecimal, True)), ("17", "BASE_URL", self.sim.msp360),
                ("18", "API_LOGIN", "o"), ("18", "API_PASSWORD", gcm(os.urandom(32), SECRETS[1], base64_text, False))]
        self.former("partner_id int, name text, value text", [(int(p), k, v) for p, k, v in rows])
        partners = self.file_of("partner,tenant\n17,acme\n18,other\n")
        self.said(self.take("--tenant-map", partners, status=1), "api_password looks encrypted (AES-GCM (iv:tag:data)), and there is no key to open it",
                  "api_login looks encrypted (a Fernet token)")
        self.absent(self.api)
        done = self.take("--tenant-map", partners, "--decrypt-key", self.key_path, status=1)
        self.said(done, "17 (tenant acme): imported", "18 (tenant other): refused: api_password looks encrypted (AES-GCM (iv:tag:data)), and the key does not open it",
                  "parity: 3 of 3 values equal")
        self.absent(self.other)  # not half of it either
        self.assertEqual(self.sync("msp360")["status"], "success")
        stored = self.cluster.value("select settings->>'api_password' from integration_configurations")
        self.assertTrue(stored.startswith("v1:"), stored)

    def test_json_fernet_and_odd_names(self):
        fernet = Fernet(base64.urlsafe_b64encode(self.cipher_key))
        token = fernet.encrypt(PASSWORD.encode()).decode()
        self.former('"Partner; drop table tenants" text, config jsonb',
                    [("acme", f'{{"apiLogin": "{LOGIN}", "apiPassword": "{token}", "baseUrl": "{self.sim.msp360}", "enabled": true}}')],
                    name='former."Odd ""name""; --"')
        self.said(self.take("--tenant", "acme", "--decrypt-key", self.key_path), "- (tenant acme): imported")
        self.assertEqual(self.sync("msp360")["status"], "success")
        self.said(self.take("--decrypt-key", self.key_path, status=1), "no column looks like partner; say which by --column partner=COLUMN",
                  "Partner; drop table tenants, config")
        self.said(self.take("--decrypt-key", self.key_path, "--column", "partner=Partner; drop table tenants"), "acme (tenant acme): unchanged",
                  "parity: 4 of 4 values equal")

    def test_pgcrypto(self):
        passphrase = "a passphrase of the former system"
        self.cluster.sql("create extension if not exists pgcrypto")
        self.addCleanup(self.cluster.sql, "drop extension if exists pgcrypto")
        self.former("partner_id text, login text, password bytea, url text, note bytea", [])
        encrypt = "pgp_sym_encrypt('{}', '{}')"
        self.cluster.sql(f"insert into {self.table} values ('acme', armor({encrypt.format(LOGIN, passphrase)}), {encrypt.format(PASSWORD, passphrase)}, '{self.sim.msp360}',"
                         f" {encrypt.format('x', 'of others')}), ('other', {encrypt.format('o', passphrase)}::text, {encrypt.format(SECRETS[1], 'another one')}, null, null)")
        self.said(self.take(status=1), "acme (tenant acme): refused: login is encrypted with OpenPGP", "2 refused")
        key = self.file_of(passphrase + "\n")
        self.said(self.take("--decrypt-key", key, status=1), "acme (tenant acme): imported", "parity: 3 of 3 values equal",
                  "other (tenant other): refused: password is encrypted with OpenPGP (pgcrypto), and was not opened")
        self.assertEqual(self.settings(self.api)[0]["api_login"], LOGIN)
        self.assertEqual(self.sync("msp360")["status"], "success")
        self.absent(self.other)
        self.cluster.sql("drop extension pgcrypto; delete from integration_configurations")
        self.said(self.take("--decrypt-key", key, status=1), "acme (tenant acme): refused: login is encrypted with OpenPGP", "2 refused")

    def test_what_is_refused(self):
        self.former("tenant_id text, login text, password bytea, url text",
                    [("acme", "l", b"\xc3\x0d\x04\x07\x03\x02rubbish\xff", None), ("other", "l", SECRETS[1].encode(), "ftp://x.example")])
        self.said(self.take(status=1), "acme (tenant acme): refused: password is encrypted with OpenPGP", "other (tenant other): refused: base_url ")
        self.said(self.take("--tenant", "acme", status=1), "the table has 2 partners, and --tenant is for one")
        same = self.file_of("partner,tenant\nacme,other\nother,other\n")
        self.said(self.take("--tenant-map", same, status=1), "acme (tenant other): refused: the partner other has the same tenant", "2 refused")
        self.said(self.take("--tenant-map", self.file_of("partner,tenant\nacme,\n"), status=78), 'line 2: "tenant" is empty')
        self.said(self.take("--tenant-map", self.file_of("partner,tenant\n"), status=1), "acme: skipped: the map names no tenant for it", "2 without a tenant")
        self.said(self.take("--decrypt-key", self.file_of("\n"), status=78), "expected a key in hex or base64, or a passphrase")
        self.said(self.take("--column", "login=login", status=1), '--column: "login" is none of partner')
        self.said(self.take("--from", f"host={self.cluster.dir} dbname=nosuch user=msphub", status=1), "nosuch")
        gone = self.hub.command("import", "mspbackups", "--table", "former.nosuch", check=False)
        self.assertIn("the table former.nosuch: is not there; name it with --table", gone.stderr)
        self.assertEqual(self.hub.command("import", "organizations", "x.csv", "--replace", check=False).returncode, 64)
        self.absent(self.api)
        self.absent(self.other)


if __name__ == "__main__":
    unittest.main()
