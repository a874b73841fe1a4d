"""`msphub import`: mappings of a former installation."""
import os
import tempfile
import unittest

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


if __name__ == "__main__":
    unittest.main()
