"""Syncro end to end: customers, assets whatever shape their agents' data have, contacts, RMM alerts, webhooks whose secret is in the
URL, and its 180 calls a minute that all integrations behind one address share."""
import json
import unittest
import urllib.parse

import provider_spec
from processes import Http, eventually
from world import World

TOKEN = "simsyncrotokenwithallpermissions0001"


class Syncro(World):
    sim_flags = ("--seed", "7", "--syncro-assets", "60", "--syncro-customers", "9", "--syncro-tickets", "20")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_customers_and_assets_are_read")
        world.sim_settings(per_minute=1000)  # what is tested here is not the limit
        cls.integration = world.configure_syncro()["id"]
        cls.first = world.sync("syncro")
        cls.summary = cls.sim.command("GET", "/control/syncro/summary")

    def tearDown(self):
        self.sim.heal()
        provider_spec.check(self.sim, "syncro")
        self.assertEqual(self.sim.stats()["syncro"]["refusals"], [])
        self.assertEqual(self.sim.command("GET", "/control/syncro/summary")["emails"], 0)

    def sync(self, key="syncro", **request):
        return super().sync(key, **request)

    def sim_settings(self, **values):
        self.sim.command("PATCH", "/control/syncro/settings", values)

    def alert(self, series):
        found = [a for a in self.items(f"/api/v1/alerts?integration_id={self.integration}") if a["series"] == str(series)]
        return found[0] if found else None

    def asset_of(self, device):
        return int(self.cluster.value(f"select asset_id from asset_sources where external_id = '{device}' and tenant_id = 1"))

    # --- what is read ---
    def test_customers_and_assets_are_read(self):
        self.assertEqual(self.first["status"], "success", self.first)
        self.assertEqual(self.first["counters"]["created"], self.summary["assets"])
        organizations = self.items("/api/v1/integrations/syncro/organizations")
        self.assertEqual(len(organizations), 9)
        names = {o["name"] for o in organizations}
        self.assertTrue({"Müller & Söhne GmbH", "Zebra \"Quoted\" LLC", "Trailing Space", "東京サポート株式会社 🚀", "Björn Client6"} <= names, names)
        assets = self.items("/api/v1/assets?provider=syncro")
        self.assertEqual(len(assets), 60)
        self.assertIn("server", {a["asset_type"] for a in assets})
        self.assertIn("printer", {a["asset_type"] for a in assets})
        opened = self.items(f"/api/v1/alerts?state=open&integration_id={self.integration}")
        self.assertEqual(len(opened), self.summary["alerts"])
        self.assertIn("major", {a["severity"] for a in opened})

    def test_an_unchanged_sync_writes_nothing(self):
        self.sync()
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["updated"], run["counters"]["created"]), ("success", 0, 0), run)

    def test_the_credential_that_me_gives_away_is_nowhere(self):
        self.assertTrue(self.ok(self.api.post("/api/v1/integrations/syncro/test", {}))["ok"])
        dump = json.dumps([self.cluster.sql(f"select to_jsonb(t) from {table} t") for table in
                           ("assets", "asset_sources", "integration_configurations", "organization_mappings", "sync_run_errors")])
        shown = json.dumps([self.ok(self.api.get("/api/v1/integrations/syncro")), self.items("/api/v1/assets?provider=syncro")])
        for secret in ("CONFIDENTIAL", TOKEN):
            for text in (dump, shown, self.hub.process.text()):
                self.assertNotIn(secret, text)

    def test_a_test_names_the_permission_that_is_missing(self):
        def tried(token, **more):
            settings = {"base_url": self.sim.syncro, "subdomain": "northmsp", "api_token": token, **more}
            return self.ok(self.api.post("/api/v1/integrations/syncro/test", {"settings": settings}))
        answer = tried("simsyncrotokenwithoutrmmalerts000004")
        self.assertTrue(answer["ok"])
        self.assertIn('the token lacks "RMM Alerts - List"', answer["message"])
        answer = tried("simsyncrotokenthathasexpired00000002")
        self.assertEqual((answer["ok"], answer["code"]), (False, "auth"))
        self.assertIn("not valid or has expired", answer["message"])
        self.assertIn("belongs to the account southmsp", tried("simsyncrotokenofanothersubdomain0006")["message"])
        self.sim.command("DELETE", "/control/stats")  # those refusals were asked for
        refused = self.problem(self.api.post("/api/v1/integrations/syncro/configure", {"settings": {
            "subdomain": "evil.example/", "api_token": "t"}}, headers={"If-Match": "*"}), 422)
        self.assertIn("subdomain", json.dumps(refused))

    # --- what changes ---
    def test_an_alert_ends_when_it_is_no_longer_listed(self):
        device = 5520000001
        series = self.sim.command("POST", "/control/syncro/alerts", {"asset_id": device, "trigger": "bsod_trigger", "description": "Blue"})["id"]
        self.sync(mode="full", kinds=["alerts"])
        alert = self.alert(series)
        self.assertEqual((alert["state"], alert["severity"], alert["subject"]), ("triggered", "major", "Blue"))
        self.assertEqual(alert["asset_id"], self.asset_of(device))
        self.sim.command("POST", f"/control/syncro/alerts/{series}/resolve")
        self.sync(mode="full", kinds=["alerts"])
        self.assertEqual(self.alert(series)["state"], "resolved")

    def test_a_page_that_is_wrong_retires_nothing(self):
        for kind in ("omit_rows", "stuck_cursor", "wrong_total", "malformed", "truncate", "html200", "503"):
            self.sim_settings(page_size=25)
            self.sim.fault(product="syncro", path="/api/v1/customer_assets", kind=kind, count=100, after=1 if kind == "stuck_cursor" else 0)
            run = self.sync(mode="full", kinds=["devices"])
            self.assertIn(run["status"], ("partial", "failed"), (kind, run))
            self.sim.heal()
            self.assertEqual(self.cluster.value("select count(*) from asset_sources where missing_count > 0"), "0", kind)
        self.sim.fault(product="syncro", path="/api/v1/customer_assets", kind="shuffle", count=3)
        self.assertEqual(self.sync(mode="full", kinds=["devices"])["status"], "success")
        self.sim_settings(page_size=0)

    def test_a_list_without_meta_is_walked_to_its_end(self):
        self.sim_settings(assets_without_meta=True, page_size=25)
        run = self.sync(mode="full", kinds=["devices"])
        self.assertEqual((run["status"], run["counters"]["processed"], run["calls"]), ("success", 60, 8), run)  # two walks that agree
        self.sim_settings(assets_without_meta=False, page_size=0)

    def test_a_field_of_ten_megabytes_is_no_reason_to_fail(self):
        self.sim_settings(note_bytes=10 << 20)
        run = self.sync(mode="full", kinds=["devices"])
        self.sim_settings(note_bytes=0)
        self.assertEqual(run["status"], "success", run)

    # --- webhooks ---
    def hook(self):
        hook = self.ok(self.api.get("/api/v1/integrations/syncro/webhook"))
        self.assertIsNone(hook["header"])
        self.assertEqual(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(hook["url"]).query)), {"secret": hook["secret"]})
        return hook

    def target(self, url):
        parts = urllib.parse.urlsplit(url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def test_the_secret_is_in_the_url(self):
        hook = self.hook()
        body = {"text": "t", "html": "", "link": "https://northmsp.syncromsp.com/invoices/1", "attributes": {}}
        anonymous = Http(self.hub.url)
        self.addCleanup(anonymous.close)
        good = self.target(hook["url"])
        self.ok(anonymous.post(good, body), 202)
        path = good.partition("?")[0]
        for wrong in ("", "?secret=", "?secret=wrong", f"?secret={hook['secret']}x", f"?Secret={hook['secret']}", f"?secret=x&secret={hook['secret']}"):
            self.problem(anonymous.post(path + wrong, body), 401)
        self.problem(anonymous.post(path, body, headers={"X-Msphub-Secret": hook["secret"]}), 401)
        self.problem(anonymous.post(f"/webhooks/ninjaone/{path.rpartition('/')[2]}?secret={hook['secret']}", body), 404)
        rotated = self.ok(self.api.post("/api/v1/integrations/syncro/webhook/rotate", {}))
        self.assertNotEqual(rotated["url"], hook["url"])
        for url in (hook["url"], rotated["url"]):  # the former one is valid for a while
            self.ok(anonymous.post(self.target(url), body), 202)
        for secret in (hook["secret"], rotated["secret"]):
            self.assertNotIn(secret, self.hub.process.text())

    def test_a_delivery_is_a_hint_to_read_again(self):
        device = 5520000002
        self.sim.command("PUT", "/control/webhooks/syncro", {"url": self.hook()["url"]})
        self.addCleanup(self.sim.command, "DELETE", "/control/webhooks/syncro")
        series = self.sim.command("POST", "/control/syncro/alerts", {"asset_id": device, "trigger": "ps_monitor", "description": "Hooked"})["id"]
        alert = eventually(lambda: self.alert(series), "the alert is read")
        self.assertEqual((alert["subject"], alert["asset_id"]), ("Hooked", self.asset_of(device)))
        self.sim.command("POST", f"/control/syncro/alerts/{series}/resolve")  # the delivery says that it is not resolved
        eventually(lambda: self.alert(series)["state"] == "resolved", "its end is read")
        # what a stranger makes up is not believed: it only makes the hub look
        stranger = Http(self.hub.url)
        self.addCleanup(stranger.close)
        self.ok(stranger.post(self.target(self.hook()["url"]), {
            "text": "t", "html": "", "link": f"https://x/rmm_alerts/{series}",
            "attributes": {"id": series, "computer_name": "forged", "resolved": False, "updated_at": "2030-01-01T00:00:00Z"}}), 202)
        asked = "GET /api/v1/rmm_alerts/{}"
        before = self.sim.stats()["syncro"]["routes"][asked]["calls"]
        eventually(lambda: self.sim.stats()["syncro"]["routes"][asked]["calls"] > before, "the alert is asked for")
        self.assertEqual(self.alert(series)["state"], "resolved")


class Limit(World):
    """Two tenants, one address: together they stay under the product's limit, which the simulator enforces."""
    sim_flags = ("--seed", "7", "--syncro-assets", "95", "--syncro-customers", "3", "--syncro-tickets", "0")

    def test_two_tenants_share_one_budget(self):
        self.sim.command("PATCH", "/control/syncro/settings", {"page_size": 1})
        other = self.connect(self.new_tenant("other", "Other MSP"))
        settings = {"base_url": self.sim.syncro, "subdomain": "northmsp", "api_token": TOKEN}
        runs = []
        for api in (self.api, other):
            self.ok(api.post("/api/v1/integrations/syncro/configure", {"settings": settings}))
            runs.append((api, self.ok(api.post("/api/v1/integrations/syncro/sync", {"mode": "full", "kinds": ["devices"]}), 202)["run_id"]))
        for api, run in runs:  # 190 calls: more than a minute's worth
            ended = eventually(lambda: (r := self.ok(api.get(f"/api/v1/integrations/syncro/runs/{run}")))["status"] not in ("queued", "running") and r,
                               "the run ends", 300)
            self.assertEqual((ended["status"], ended["counters"]["created"]), ("success", 95), ended)
        stats = self.sim.stats()["syncro"]
        self.assertEqual(stats["refusals"], [])
        self.assertGreaterEqual(stats["calls"], 190)
        # the same ids in two tenants are two tenants' assets
        for api, _ in runs:
            self.assertEqual(len(self.items_of(api)), 95)

    def items_of(self, api):
        found, after = [], ""
        while after is not None:
            page = self.ok(api.get(f"/api/v1/assets?limit=100{after}"))
            found += page["items"]
            after = f"&after={urllib.parse.quote(page['next'])}" if page["next"] else None
        return found


if __name__ == "__main__":
    unittest.main(verbosity=2)
