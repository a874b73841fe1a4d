"""MSP360 end to end: backup plans are read, a failure becomes one alert that the next success closes, and what the product does
not say changes nothing."""
import json
import random
import unittest

from processes import eventually
from world import World

PASSWORD = 'sim-msp360-"pass"word'
FAILING = {"warning", "failed", "interrupted", "overdue"}


class Msp360(World):
    sim_flags = ("--seed", "7", "--msp360-computers", "60", "--msp360-companies", "5")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_plans_computers_and_companies_are_read")
        world.configure_msp360()
        cls.first = world.sync("msp360")
        cls.summary = cls.sim.command("GET", "/control/msp360/summary")

    def tearDown(self):
        self.sim.heal()
        self.assertEqual(self.sim.stats()["msp360"]["refusals"], [])

    def sync(self, key="msp360", **request):
        return super().sync(key, **request)

    def plan(self, computer, slot=0, **change):
        """Changes a plan of the simulator; gives its row in the hub as it was before."""
        where = f"/control/msp360/computers/{computer}/plans/{slot}"
        plan = self.sim.command("GET", where)
        self.sim.command("PATCH", where, change)
        return self.row(computer, plan["name"])

    def row(self, computer, name):
        hid = self.sim.command("GET", f"/control/msp360/computers/{computer}")["hid"].strip("{}").lower()
        rows = [b for b in self.items("/api/v1/backups") if b["device_external_id"] == hid and b["plan"] == name]
        self.assertEqual(len(rows), 1, (hid, name))
        return rows[0]

    def alerts_of(self, row):
        return [a for a in self.items("/api/v1/alerts") if a["series"] == row["external_id"]]

    def versions(self):
        """Which transaction wrote each row last, and what."""
        return [self.cluster.value(f"select md5(string_agg(t::text || t.xmin, ',' order by t::text)) from {table} t")
                for table in ("backup_jobs", "rmm_alerts", "assets", "asset_sources", "organization_mappings")]

    # --- what is read ---
    def test_plans_computers_and_companies_are_read(self):
        self.assertEqual(self.first["status"], "success", self.first)
        self.assertEqual(self.first["counters"]["created"], self.summary["computers"])
        self.assertEqual(len(self.items("/api/v1/assets?provider=msp360")), 60)
        self.assertEqual(len(self.items("/api/v1/integrations/msp360/organizations")), 5)
        plans = self.items("/api/v1/backups?limit=7")
        self.assertEqual(len({p["id"] for p in plans}), self.summary["plans"])
        self.assertTrue(all(p["asset_id"] for p in plans))  # also of servers that tell no computer's id
        self.assertTrue(any(p["organization_id"] for p in plans) and any(not p["organization_id"] for p in plans))
        self.assertEqual({p["status"] for p in plans} - {"unknown", "success", "running"}, FAILING)
        self.assertIn("type 99", {p["plan_type"] for p in plans})
        self.assertIn("status 99", {p["status_word"] for p in plans})
        opened = self.items("/api/v1/alerts?state=open")
        self.assertEqual({a["series"] for a in opened}, {p["external_id"] for p in plans if p["status"] in FAILING})
        self.assertEqual(self.sim.command("GET", "/control/msp360/summary")["failing"], len(opened))

    def test_lists_are_filtered(self):
        failed = self.items("/api/v1/backups?status=failed")
        self.assertTrue(failed and all(p["status"] == "failed" for p in failed))
        everything = self.items("/api/v1/backups")
        integration = everything[0]["integration_id"]
        self.assertEqual(len(self.items(f"/api/v1/backups?integration_id={integration}")), len(everything))
        self.assertEqual(self.items(f"/api/v1/backups?integration_id={integration + 1000}"), [])
        stale, fresh = self.items("/api/v1/backups?stale=true"), self.items("/api/v1/backups?stale=false")
        self.assertEqual(len(stale) + len(fresh), len(everything))
        self.problem(self.api.get("/api/v1/backups?status=broken"), 422)
        of_asset = self.ok(self.api.get(f"/api/v1/assets/{everything[0]['asset_id']}/backups"))["items"]
        self.assertEqual([p["id"] for p in of_asset],
                         [p["id"] for p in everything if p["asset_id"] == everything[0]["asset_id"]])
        self.problem(self.api.get("/api/v1/assets/999999999/backups"), 404)

    def test_another_tenant_sees_nothing_of_it(self):
        other = self.connect(self.new_tenant("other", "Other MSP"))
        self.assertEqual(self.ok(other.get("/api/v1/backups"))["items"], [])
        asset = self.items("/api/v1/backups")[0]["asset_id"]
        self.problem(other.get(f"/api/v1/assets/{asset}/backups"), 404)

    def test_what_is_confidential_is_nowhere(self):
        dump = json.dumps([self.cluster.sql(f"select to_jsonb(t) from {table} t") for table in
                           ("backup_jobs", "rmm_alerts", "asset_sources", "integration_configurations", "sync_run_errors")])
        shown = json.dumps([self.ok(self.api.get("/api/v1/integrations/msp360")), self.items("/api/v1/backups")])
        for secret in ("CONFIDENTIAL-REPORT-LINK", "sim-msp360-\\\\\\\"pass", 'sim-msp360-"pass'):
            for text in (dump, shown, self.hub.process.text()):
                self.assertNotIn(secret, text)

    # --- what changes ---
    def test_an_unchanged_sync_writes_nothing(self):
        self.sync()
        before = self.versions()
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["updated"], run["counters"]["created"]), ("success", 0, 0), run)
        self.assertEqual(self.versions(), before)

    def test_a_failure_is_one_alert_until_the_next_success(self):
        row = self.plan(1, 0, status=2, error="Bucket quota exceeded")
        self.assertEqual((row["status"], self.alerts_of(row)), ("success", []))
        self.sync()
        alert, = self.alerts_of(row)
        self.assertEqual((alert["state"], alert["severity"], alert["message"]), ("triggered", "critical", "Bucket quota exceeded"))
        self.assertEqual(alert["asset_id"], row["asset_id"])
        self.sync()
        self.assertEqual(self.alerts_of(row), [alert])  # the same, not one more, not once more
        self.plan(1, 0, status=3)
        self.sync()
        self.assertEqual(self.alerts_of(row)[0]["state"], "triggered")  # running is no verdict
        now = self.row(1, row["plan"])
        self.assertEqual((now["status"], now["last_result"]), ("running", "failed"))
        self.plan(1, 0, status=0)
        self.sync()
        alert, = self.alerts_of(row)
        self.assertEqual((alert["state"], alert["resolved_by_absence"], alert["severity"]), ("resolved", False, "critical"))
        self.plan(1, 0, status=1, next_start="2026-01-01T00:00:00")  # overdue after that success
        self.sync()
        alert, = self.alerts_of(row)
        self.assertEqual((alert["state"], alert["severity"]), ("triggered", "moderate"))
        self.plan(1, 0, status=0)
        self.sync()
        self.assertEqual(self.alerts_of(row)[0]["state"], "resolved")

    def test_a_plan_that_no_longer_runs_is_told(self):
        """Its last run was good, its next is planned, and days go by: nothing else would say so."""
        row = self.plan(4, 0, status=0, last_start="2026-01-01T00:00:00", next_start="2099-01-01T00:00:00")
        series = row["external_id"] + "#stale"
        alerts = lambda: [a for a in self.items("/api/v1/alerts") if a["series"] == series]
        self.assertEqual(alerts(), [])
        self.sync()
        alert, = alerts()
        self.assertEqual((alert["state"], alert["severity"], alert["asset_id"]), ("triggered", "major", row["asset_id"]))
        self.assertIn("has not run for 3 days", alert["subject"])
        self.sync()
        self.assertEqual(alerts(), [alert])
        self.plan(4, 0, status=2)  # now it fails as well: one trouble, one alert
        self.sync()
        self.assertEqual([alerts()[0]["state"], self.alerts_of(row)[0]["state"]], ["resolved", "triggered"])
        self.plan(4, 0, status=0, last_start="2098-12-31T00:00:00")
        self.sync()
        self.assertEqual([alerts()[0]["state"], self.alerts_of(row)[0]["state"]], ["resolved", "resolved"])

    def test_a_plan_that_vanished_is_no_news(self):
        row = self.plan(6, 0, hidden=True)  # a failed one
        self.assertEqual([a["state"] for a in self.alerts_of(row)], ["triggered"])
        self.assertEqual(self.sync()["status"], "success")
        now = self.row(6, row["plan"])
        self.assertTrue(now["missing_since"])
        self.assertEqual((now["status"], now["stale"], self.alerts_of(row)[0]["state"]), ("failed", False, "triggered"))
        self.cluster.sql("update backup_jobs set missing_since = now() - interval '4 days' where missing_since is not null")
        self.assertEqual([p["id"] for p in self.items("/api/v1/backups?stale=true") if p["id"] == row["id"]], [row["id"]])
        self.plan(6, 0, hidden=False)
        self.sync()
        now = self.row(6, row["plan"])
        self.assertEqual((now["missing_since"], now["stale"]), (None, False))

    def test_two_companies_of_one_name_are_neither_s(self):
        company = self.sim.command("POST", "/control/msp360/companies", {"name": "Twin"})["id"]
        self.sim.command("PATCH", "/control/msp360/computers/12", {"company": "TWIN "})
        self.sync()
        asset = self.row(12, "Nightly image")["asset_id"]
        self.assertEqual(self.ok(self.api.get(f"/api/v1/assets/{asset}"))["organization"], "Twin")
        twin = self.sim.command("POST", "/control/msp360/companies", {"name": "twin"})["id"]
        run = self.sync()
        self.assertEqual(run["status"], "partial", run)
        self.assertIsNone(self.ok(self.api.get(f"/api/v1/assets/{asset}"))["organization"])
        self.assertIsNone(self.row(12, "Nightly image")["organization_id"])
        errors = self.items(f"/api/v1/integrations/msp360/runs/{run['id']}/errors")
        self.assertIn(company, {e["id"] for e in errors})
        self.assertTrue(all("rename one of them" in e["reason"] for e in errors))
        self.sim.command("DELETE", f"/control/msp360/companies/{twin}")
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.ok(self.api.get(f"/api/v1/assets/{asset}"))["organization"], "Twin")

    def test_only_backups(self):
        row = self.plan(3, 0, status=5)
        run = self.sync(mode="full", kinds=["backups"])
        self.assertEqual((run["status"], run["counters"]["processed"]), ("success", 0), run)
        self.assertEqual(self.row(3, row["plan"])["status"], "interrupted")
        self.assertEqual(self.alerts_of(row), [])  # alerts were not asked for
        self.plan(3, 0, status=0)
        self.sync()

    # --- what fails ---
    def test_the_login_is_renewed_in_the_middle(self):
        self.sim.command("DELETE", "/control/stats")
        self.sim.fault(product="msp360", path="/api/Monitoring", kind="expire_token")
        self.assertEqual(self.sync()["status"], "success")
        stats = self.sim.stats()["msp360"]["routes"]
        self.assertEqual(stats["POST /api/Provider/Login"]["calls"], 1)
        self.assertEqual(stats["GET /api/Monitoring"]["calls"], 2)

    def test_an_outage_changes_nothing(self):
        before = self.versions()[:2]
        for kind in ("503", "html200", "truncate", "malformed"):
            self.sim.fault(product="msp360", path="/api/Monitoring", kind=kind, count=1000)
            run = self.sync()
            self.assertIn(run["status"], ("failed", "partial"), (kind, run))
            self.sim.heal()
            self.assertEqual(self.versions()[:2], before, kind)
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.versions()[:2], before)

    def test_any_faults_and_changes_end_in_the_right_alerts(self):
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        kinds = ("503", "html200", "truncate", "malformed", "drop", "expire_token", "429", "403", "shuffle")
        paths = ("/api/Companies", "/api/Computers", "/api/Monitoring", "/api/Provider")
        plans = {(c, s): None for c in range(30, 45) for s in range(self.sim.command("GET", f"/control/msp360/computers/{c}")["plans"])}

        def change(statuses, plan):
            plans[plan] = dice.choice(statuses)
            self.sim.command("PATCH", "/control/msp360/computers/%d/plans/%d" % plan, {"status": plans[plan], "hidden": False})

        for _ in range(6):
            for plan in dice.sample(list(plans), 12):
                change(range(9), plan)
            for _ in range(dice.randrange(3)):
                path, kind = dice.choice(paths), dice.choice(kinds)
                if (path, kind) != ("/api/Provider", "403"):  # refused credentials are not tried again until somebody edits them
                    self.sim.fault(product="msp360", path=path, kind=kind, count=dice.choice((1, 2, 50)), after=dice.randrange(2))
            self.sync()
            self.sim.heal()
        for plan in plans:
            change((0, 1, 2, 5, 6, 7), plan)
        # after a login that failed the hub waits a while
        eventually(lambda: self.sync()["status"] == "success", f"all is well again (seed {seed})", 90)
        words = {0: "success", 1: "overdue", 2: "failed", 5: "interrupted", 6: "interrupted", 7: "warning"}
        opened = {a["series"]: a for a in self.items("/api/v1/alerts?state=open")}
        rows = {(b["device_external_id"], b["plan"]): b for b in self.items("/api/v1/backups")}
        for (computer, slot), status in plans.items():
            hid = self.sim.command("GET", f"/control/msp360/computers/{computer}")["hid"].strip("{}").lower()
            name = self.sim.command("GET", f"/control/msp360/computers/{computer}/plans/{slot}")["name"]
            row = rows[(hid, name)]
            self.assertEqual(row["status"], words[status], (seed, computer, slot))
            self.assertEqual(row["external_id"] in opened, status != 0, (seed, computer, slot, row))
        for computer, slot in plans:
            change((0,), (computer, slot))
        self.sync()
        self.sim.command("DELETE", "/control/stats")  # what was refused, the product was made to refuse

    def test_connections_are_tested_before_they_are_stored(self):
        for status in (400, 401, 403):
            self.sim.command("PATCH", "/control/msp360/settings", {"login_status": status})
            bad = self.ok(self.api.post("/api/v1/integrations/msp360/test", {"settings": {
                "base_url": self.sim.msp360, "api_login": "sim-msp360-login", "api_password": "wrong"}}))
            self.assertFalse(bad["ok"])
            self.assertIn("credentials refused, or API access", bad["message"])
        self.sim.command("DELETE", "/control/stats")  # those refusals were asked for
        good = self.ok(self.api.post("/api/v1/integrations/msp360/test", {}))
        self.assertTrue(good["ok"], good)
        self.assertIn("companies, computers can be read", good["message"])
        asked = self.sim.stats()["msp360"]["routes"]
        self.assertFalse([call for call in asked if "Monitoring" in call or "Users" in call], asked)
        field = self.problem(self.api.post("/api/v1/integrations/msp360/configure", {"settings": {
            "api_login": "a", "api_password": "b", "base_url": "https://mspbackups.com"}}, headers={"If-Match": "*"}), 422)
        self.assertIn("https://api.mspbackups.com", json.dumps(field))


if __name__ == "__main__":
    unittest.main(verbosity=2)
