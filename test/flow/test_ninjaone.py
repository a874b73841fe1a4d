"""NinjaOne end to end: everything that its API tells of devices is read in few calls, what changed is read again and nothing else, and
what people do reaches the product."""
import json
import unittest
import urllib.parse

import provider_spec
from processes import eventually
from world import World

API_CALLS_PER_THOUSAND = 20
SECRETS = ("CONFIDENTIAL-FIELD", "CONFIDENTIAL-NOTE", "sim-ninja-secret")


class NinjaWorld(World):
    def tearDown(self):
        self.sim.heal()
        self.calls = provider_spec.check(self.sim, "ninjaone")
        self.assertEqual(self.sim.stats()["ninjaone"]["refusals"], [])

    def asked(self, work):
        """What the product is asked while `work` runs: paths with queries, tokens left out."""
        provider_spec.check(self.sim, "ninjaone")
        result = work()
        kept = self.sim.command("GET", "/control/requests/ninjaone")["requests"]
        return result, [r["target"] for r in kept if not r["target"].startswith("/ws/")]

    def device(self, node_class="WINDOWS_WORKSTATION"):
        """A new device of the simulator that the hub knows; gives its id and the asset."""
        made = self.sim.command("POST", "/control/ninja/devices", {"nodeClass": node_class, "systemName": "FLOW-1"})["ids"][0]
        self.sync(mode="full")
        return made, self.asset(made)

    def asset(self, device):
        found = [a for a in self.items("/api/v1/assets?provider=ninjaone&limit=500")
                 if any(s["external_id"] == str(device) for s in self.ok(self.api.get(f"/api/v1/assets/{a['id']}"))["sources"])]
        self.assertEqual(len(found), 1, device)
        return self.ok(self.api.get(f"/api/v1/assets/{found[0]['id']}"))

    def count(self, table):
        return int(self.cluster.value(f"select count(*) from {table}"))


class Depth(NinjaWorld):
    sim_flags = ("--seed", "7", "--ninja-devices", "60", "--ninja-orgs", "4")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_every_report_is_read")
        world.configure_ninja(scope="monitoring management control")

    def test_every_report_is_read(self):
        run = self.sync()
        self.assertEqual(run["status"], "success", run)
        rows = self.sim.command("GET", "/control/ninja/summary")["rows"]
        self.assertEqual(self.count("asset_software where removed_at is null"), rows["software"])
        waiting = self.count("asset_patches where closed_at is null and status in ('pending', 'approved', 'rejected')")
        self.assertEqual(waiting, rows["os-patches"] + rows["software-patches"])
        self.assertGreater(self.count("asset_patches where status = 'installed' and installed_at is not null"), 20)
        facets = json.loads(self.cluster.value("select json_object_agg(name, n) from (select msphub_facet_name(facet) as name, count(*) as n "
                                               "from asset_source_facets group by 1) x"))
        self.assertEqual(int(facets["health"]), rows["device-health"])
        for facet in ("os", "system", "processors", "volumes", "interfaces", "antivirus", "last_user", "custom_fields"):
            self.assertGreater(int(facets[facet]), 10, facets)

    def test_a_device_links_to_its_console(self):
        device, asset = self.device()
        source = next(s for s in asset["sources"] if s["external_id"] == str(device))
        self.assertIn(f"/#/deviceDashboard/{device}/overview", json.dumps(source))

    def test_secrets_of_custom_fields_are_nowhere(self):
        device, asset = self.device()
        self.ok(self.api.get(f"/api/v1/assets/{asset['id']}/live"))
        dump = self.cluster.value("select string_agg(t::text, ' ') from asset_source_facets t")
        self.assertIn("rackPlace", dump)
        shown = json.dumps(self.asset(device))
        for text in (dump, shown, self.hub.process.text()):
            for secret in SECRETS:
                self.assertNotIn(secret, text)
            self.assertNotIn("localAdminPassword", text)

    # --- what changes ---
    def test_only_what_changed_is_read_again(self):
        device, _ = self.device()
        self.sync(mode="incremental")
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"addSoftware": {"name": "Flow \"Tool\" 🚀 ", "version": "1"}})
        run, asked = self.asked(lambda: self.sync(mode="incremental"))
        self.assertEqual(run["status"], "success", run)
        self.assertEqual(sorted(urllib.parse.unquote(a) for a in asked), sorted([
            "/v2/activities?pageSize=1000",
            f"/v2/queries/software?pageSize=10000&df=id in ({device})",
            "/v2/alerts"]))
        self.assertEqual(self.count("software_catalog where name = 'Flow \"Tool\" 🚀 '"), 1)
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"removeSoftware": "Flow \"Tool\" 🚀 "})
        self.sync(mode="incremental")
        self.assertEqual(self.count("asset_software r join software_catalog c using (tenant_id, software_id) "
                                    "where c.name = 'Flow \"Tool\" 🚀 ' and r.removed_at is not null"), 1)

    def test_patches_of_a_device_that_is_offline_stay(self):
        device, _ = self.device()
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"addPatch": {"name": "Flow Update", "kbNumber": "KB777"}})
        patch = f"asset_patches where device_external_id = '{device}' and title = 'Flow Update' and closed_at is null"
        self.sync(mode="incremental")
        self.assertEqual(self.count(patch), 1)
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"offline": True})
        for mode in ("incremental", "full", "full"):
            self.assertEqual(self.sync(mode=mode)["status"], "success")
            self.assertEqual(self.count(patch), 1, mode)

    def test_a_device_that_waits_for_approval_is_kept(self):
        device = self.sim.command("POST", "/control/ninja/devices", {"nodeClass": "WINDOWS_SERVER", "approvalStatus": "PENDING"})["ids"][0]
        run = self.sync(mode="incremental")
        self.assertEqual(run["status"], "success", run)
        asset = self.asset(device)
        for _ in range(3):
            self.sync()
        self.assertEqual(self.asset(device)["id"], asset["id"])

    def test_kinds_cost_what_they_are(self):
        run, asked = self.asked(lambda: self.sync(mode="full", kinds=["software"]))
        self.assertEqual((run["status"], len(asked)), ("success", 2), asked)
        run, asked = self.asked(lambda: self.sync(mode="full", kinds=["alerts"]))
        self.assertEqual(run["status"], "success", run)
        self.assertLessEqual(len(asked), 2, asked)

    def test_severities_come_along(self):
        """The simulator's list leaves them out of every second alert; the activities have them."""
        lacking = [a for a in self.items("/api/v1/alerts?state=triggered&limit=500") if a["severity"] == "none"]
        none = sum(1 for a in self.items("/api/v1/alerts?limit=500") if a["type"] == "CONDITION_AGENT_CPU")
        self.assertLessEqual(len(lacking), none, lacking)

    # --- what goes wrong ---
    def test_a_cursor_that_is_refused_begins_anew(self):
        self.sim.command("PATCH", "/control/ninja/settings", {"software_items": 300})
        try:
            self.sim.fault(kind="404", product="ninja", path="/v2/queries/software", after=1)
            run = self.sync(mode="full", kinds=["software"])
            self.assertEqual(run["status"], "success", run)
            self.assertEqual(self.count("asset_software where removed_at is null"), self.sim.command("GET", "/control/ninja/summary")["rows"]["software"])
        finally:
            self.sim.command("PATCH", "/control/ninja/settings", {"software_items": 0})
            self.sync()

    def test_rows_that_are_missing_remove_nothing(self):
        before = self.count("asset_software where removed_at is null")
        for kind in ("omit_rows", "wrong_total"):
            with self.subTest(kind):
                self.sim.fault(kind=kind, product="ninja", path="/v2/queries/", count=20)
                self.assertEqual(self.sync()["status"], "partial")
                self.sim.heal()
                self.assertEqual(self.count("asset_software where removed_at is null"), before)
        self.assertEqual(self.sync()["status"], "success")

    def test_throttling_by_a_page_with_200_is_waited_for(self):
        self.sim.fault(kind="html200", product="ninja", path="/v2/queries/os-patches", count=2)
        run = self.sync()
        self.assertEqual(run["status"], "success", run)


class Actions(NinjaWorld):
    sim_flags = ("--seed", "9", "--ninja-devices", "40", "--ninja-orgs", "3")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_a_field_is_written_and_read_back")
        world.configure_ninja(scope="monitoring management control")
        world.sync()
        cls.id, cls.found = world.device()

    def act(self, action, status=200, **body):
        answer = self.api.post(f"/api/v1/assets/{self.found['id']}/actions/{action}", body)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def fields(self):
        return json.loads(self.cluster.value(f"select body from asset_source_facets where msphub_facet_name(facet) = 'custom_fields' "
                                             f"and external_id = '{self.id}'") or "[]")

    def seen(self):
        return self.sim.command("GET", f"/control/ninja/devices/{self.id}")

    def test_a_field_is_written_and_read_back(self):
        said = self.act("set_custom_field", args={"name": "rackPlace", "value": "Büro \"4\" 🖨️"})
        self.assertEqual(said["result"], {"name": "rackPlace", "type": "TEXT", "value": "Büro \"4\" 🖨️"})
        eventually(lambda: any(f["value"] == "Büro \"4\" 🖨️" for f in self.fields()) or None, "the field is stored")
        self.act("set_custom_field", args={"name": "warrantyEnd", "value": "2027-01-01"})
        self.act("set_custom_field", args={"name": "roles", "value": "a,b"})
        self.act("set_custom_field", args={"name": "rackPlace"})

    def test_a_field_that_may_not_be_written_is_told(self):
        for name in ("lastAudit", "localAdminPassword", "hiddenNote", "none"):
            answer = self.api.post(f"/api/v1/assets/{self.found['id']}/actions/set_custom_field", {"args": {"name": name, "value": "x"}})
            self.assertGreaterEqual(answer.status, 400, answer)
            self.assertIn(name, answer.json["detail"])

    def test_maintenance_begins_and_ends(self):
        said = self.act("maintenance_start", args={"minutes": 60, "features": "ALERTS,PATCHING", "reason": "flow"})
        self.assertTrue(said["result"]["maintenance"], said)
        self.assertIn("maintenance", self.seen())
        self.assertFalse(self.act("maintenance_end")["result"]["maintenance"])
        self.assertNotIn("maintenance", self.seen())

    def test_a_reboot_needs_a_yes(self):
        answer = self.api.post(f"/api/v1/assets/{self.found['id']}/actions/reboot", {})
        self.assertIn(answer.status, (409, 422, 428), answer)
        self.assertEqual(self.act("reboot", confirm=True, args={"mode": "FORCED", "reason": "flow"})["result"], {"requested": True, "mode": "FORCED"})

    def test_a_link_is_kept_for_a_while(self):
        def opened():
            return self.ok(self.api.post(f"/api/v1/assets/{self.found['id']}/remote-access", {}))
        first, asked = self.asked(opened)
        self.assertIn(f"deviceDashboard/{self.id}", json.dumps(first))
        link = f"/v2/device/{self.id}/dashboard-url"
        self.assertEqual(asked.count(link), 1, asked)  # a field that was written may have its device read again meanwhile
        _, asked = self.asked(opened)
        self.assertEqual(asked.count(link), 0, asked)

    def test_live_details_are_asked_for_once_a_minute(self):
        def live():
            return self.ok(self.api.get(f"/api/v1/assets/{self.found['id']}/live"))
        said, asked = self.asked(live)
        self.assertGreaterEqual(len(asked), 8, asked)
        result = said.get("result", said)
        self.assertEqual(result["device"]["id"], str(self.id))
        self.assertEqual(result["unavailable"], {})
        _, asked = self.asked(live)
        self.assertNotIn(f"/v2/device/{self.id}/alerts", asked)

    def test_an_alert_is_reset_in_the_product(self):
        made = self.sim.command("POST", "/control/ninja/alerts", {"action": "trigger", "deviceId": self.id, "severity": "MAJOR"})
        self.sync(mode="incremental")
        alert = next(a for a in self.items("/api/v1/alerts?limit=500") if a["series"] == made["uid"])
        self.assertEqual((alert["state"], alert["severity"]), ("triggered", "major"))
        self.ok(self.api.post(f"/api/v1/alerts/{alert['id']}/reset", {}))
        self.assertEqual(self.sim.command("GET", "/control/ninja/summary")["alerts"] >= 0, True)
        eventually(lambda: self.ok(self.api.get(f"/api/v1/alerts/{alert['id']}"))["state"] == "resolved" or None, "the alert is resolved")
        self.sync(mode="incremental")
        self.assertEqual(self.ok(self.api.get(f"/api/v1/alerts/{alert['id']}"))["state"], "resolved")


class Fleet(NinjaWorld):
    """A thousand devices."""
    sim_flags = ("--seed", "3", "--ninja-devices", "1000", "--ninja-orgs", "20")

    def test_a_thousand_devices_cost_few_calls(self):
        self.configure_ninja()
        run, asked = self.asked(lambda: self.sync(mode="full"))
        self.assertEqual(run["status"], "success", run)
        self.assertLessEqual(len(asked), API_CALLS_PER_THOUSAND, asked)
        reports = {urllib.parse.urlsplit(a).path for a in asked if a.startswith("/v2/queries/")}
        self.assertEqual(len(reports), 11, reports)


if __name__ == "__main__":
    unittest.main(verbosity=2)
