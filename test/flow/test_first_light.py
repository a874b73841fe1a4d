"""The main job, end to end: full syncs of both products, webhooks that show within a second, one alert from fifty deliveries."""
import concurrent.futures
import json
import unittest

from processes import Http, eventually
from world import World


class FirstLight(World):
    @classmethod
    def build(cls):
        super().build()
        world = cls("test_inventory_of_ninjaone")
        world.configure_ninja()
        world.configure_tactical()
        cls.ninja_run = world.sync("ninjaone")
        cls.tactical_run = world.sync("tacticalrmm")

    def hook(self, key="ninjaone"):
        hook = self.ok(self.api.get(f"/api/v1/integrations/{key}/webhook"))
        return Http(self.hub.url, {hook["header"]: hook["secret"]}), hook["url"][hook["url"].index("/webhooks/"):], hook

    def versions(self):
        """Which transaction wrote each row last: the same again when none was written in between. (A list's last facet is marked
        anew in each run, for rows that may follow in the next batch; it is not compared.)"""
        return [self.cluster.value(f"select md5(string_agg(t::text || t.xmin, ',' order by t::text)) from {table} t")
                for table in ("assets", "asset_sources")]

    def test_inventory_of_ninjaone(self):
        self.assertEqual(self.ninja_run["status"], "success", self.ninja_run)
        assets = self.items("/api/v1/assets?provider=ninjaone&limit=17")
        self.assertEqual(len(assets), 60)
        self.assertEqual(len({a["id"] for a in assets}), 60)
        self.assertEqual(len(self.items("/api/v1/integrations/ninjaone/organizations")), 4)
        self.assertGreater(len({a["asset_type"] for a in assets}), 2)
        one = self.ok(self.api.get(f"/api/v1/assets/{next(a['id'] for a in assets if a['product_class'] == 'WINDOWS_SERVER')}"))
        self.assertTrue(one["sources"])
        facets = json.dumps(one)
        for word in ("processors", "volumes", "interfaces", "os"):
            self.assertIn(word, facets)

    def test_inventory_of_tactical(self):
        self.assertEqual(self.tactical_run["status"], "success", self.tactical_run)
        self.assertEqual(len(self.items("/api/v1/assets?provider=tacticalrmm")), 24)
        self.assertEqual(len(self.items("/api/v1/integrations/tacticalrmm/organizations")), 3)

    def test_second_full_sync_writes_no_asset(self):
        self.sync()  # presence may have moved since the first
        before = self.versions()
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["created"], run["counters"]["updated"]), ("success", 0, 0), run)
        self.assertEqual(run["counters"]["unchanged"], 60, run)
        self.assertEqual(self.versions(), before)

    def test_created_renamed_deleted_within_a_second(self):
        _, _, hook = self.hook()
        self.sim.command("PUT", "/control/webhooks/ninja", {
            "url": hook["url"], "activities": {"SYSTEM": ["*"]}, "expand": ["device", "organization", "location"],
            "headers": [{"name": hook["header"], "value": hook["secret"]}]})
        self.addCleanup(self.sim.command, "DELETE", "/control/webhooks/ninja")
        device = self.sim.command("POST", "/control/ninja/devices", {"displayName": "FLOW-NEW", "nodeClass": "WINDOWS_SERVER"})["ids"][0]
        asset = eventually(lambda: self.items("/api/v1/assets?q=FLOW-NEW"), "the new device", 1)[0]
        self.assertEqual(asset["asset_type"], "server")
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "FLOW-RENAMED"})
        one = f"/api/v1/assets/{asset['id']}"
        eventually(lambda: self.ok(self.api.get(one))["name"] == "FLOW-RENAMED", "the new name", 1)
        self.sim.command("DELETE", f"/control/ninja/devices/{device}")
        eventually(lambda: self.ok(self.api.get(one))["retired_at"], "its retirement", 1)
        self.assertEqual(self.items("/api/v1/assets?q=FLOW-RENAMED"), [])
        self.assertEqual(len(self.items("/api/v1/assets?q=FLOW-RENAMED&retired=true")), 1)

    def activity(self, number, status="TRIGGERED", at=1760001234.5, series="0f0e4d9c-0000-4a55-9b0e-d9a1a0f6c001", device=None):
        return {"id": number, "activityTime": at, "deviceId": device or 1, "seriesUid": series, "activityType": "CONDITION",
                "statusCode": status, "status": status.title(), "message": "Memory at or above 90%", "type": "Condition"}

    def test_fifty_parallel_deliveries_make_one_alert(self):
        _, path, hook = self.hook()
        body = self.activity(900001, series="fifty-parallel")

        def deliver(_):
            http = Http(self.hub.url, {hook["header"]: hook["secret"]})
            try:
                return http.post(path, body).status
            finally:
                http.close()

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            self.assertEqual(set(pool.map(deliver, range(50))), {202})
        mine = eventually(lambda: [a for a in self.items("/api/v1/alerts") if a["series"] == "fifty-parallel"], "the alert")
        self.assertEqual(len(mine), 1)
        self.assertEqual(self.cluster.value("select count(*) from rmm_alerts where series = 'fifty-parallel'"), "1")
        self.assertEqual(self.cluster.value("select count(*) from webhook_deliveries where dedupe_key like '%900001%'"), "1")

    def test_reset_before_trigger_ends_resolved(self):
        http, path, _ = self.hook()
        self.addCleanup(http.close)
        self.ok(http.post(path, self.activity(900011, "RESET", 1760002000.5, "out-of-order")), 202)
        self.ok(http.post(path, self.activity(900010, "TRIGGERED", 1760001000.5, "out-of-order")), 202)
        eventually(lambda: self.cluster.value("select count(*) from webhook_deliveries where status = 'pending'") == "0", "all applied")
        states = {a["state"] for a in self.items("/api/v1/alerts") if a["series"] == "out-of-order"}
        self.assertEqual(states, {"resolved"})

    def test_deliveries_are_listed_shown_and_replayed(self):
        http, path, _ = self.hook()
        self.addCleanup(http.close)
        delivery = self.ok(http.post(path, self.activity(900021, series="replayed")), 202)["delivery"]
        one = f"/api/v1/integrations/ninjaone/deliveries/{delivery}"
        eventually(lambda: self.ok(self.api.get(one))["status"] == "done", "the delivery is applied")
        self.assertEqual(self.ok(self.api.get(one))["body"]["id"], 900021)
        self.assertIn(str(delivery), [str(d["id"]) for d in self.items("/api/v1/integrations/ninjaone/deliveries?status=done")])
        self.ok(self.api.post(one + "/replay"), 202)
        eventually(lambda: self.ok(self.api.get(one))["status"] == "done", "applied again")

    def test_tactical_webhook_with_a_broken_template_refreshes_its_agent(self):
        http, path, _ = self.hook("tacticalrmm")
        self.addCleanup(http.close)
        asset = self.items("/api/v1/assets?provider=tacticalrmm&limit=1")[0]
        agent = self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["sources"][0]["external_id"]
        broken = json.dumps('{"agent_id": "%s", "alert_id": "75", "client": "Zebra "Quoted" LLC", "event": "trigger"}' % agent)
        before = self.sim.stats()
        delivery = self.ok(http.post(path, broken.encode()), 202)["delivery"]
        eventually(lambda: self.ok(self.api.get(f"/api/v1/integrations/tacticalrmm/deliveries/{delivery}"))["status"] == "done",
                   "the broken template is understood")
        eventually(lambda: self.sim.stats() != before, "the agent is read again")

    def test_single_device_sync(self):
        asset = self.items("/api/v1/assets?provider=ninjaone&limit=1")[0]
        external = self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["sources"][0]["external_id"]
        self.sim.command("PATCH", f"/control/ninja/devices/{external}", {"displayName": "SINGLE-SYNC"})
        run = self.sync("ninjaone", mode="single", device_id=external)
        self.assertEqual(run["status"], "success", run)
        self.assertEqual(self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["name"], "SINGLE-SYNC")

    def test_secrets_are_masked_and_sealed(self):
        shown = json.dumps(self.ok(self.api.get("/api/v1/integrations/ninjaone")))
        self.assertNotIn("sim-ninja-secret", shown)
        self.assertIn("sim-ninja-client", shown)
        dump = "\n".join("|".join(row) for row in self.cluster.sql("select to_jsonb(c) from integration_configurations c"))
        self.assertNotIn("sim-ninja-secret", dump)
        self.assertNotIn(self.hook()[2]["secret"], dump)
        self.assertNotIn("sim-ninja-secret", self.hub.process.text())

    def tearDown(self):
        """Whatever was asked of the products, they would have answered it; a device may be gone by the time it is read again."""
        for product, stats in self.sim.stats().items():
            refusals = [r for r in stats.get("refusals", []) if "not found" not in r["reason"]] if isinstance(stats, dict) else []
            self.assertEqual(refusals, [], product)


if __name__ == "__main__":
    unittest.main(verbosity=2)
