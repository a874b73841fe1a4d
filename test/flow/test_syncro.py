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

    def test_contacts_are_people(self):
        people = self.items(f"/api/v1/people?integration_id={self.integration}")
        self.assertEqual(len(people), self.summary["contacts"])
        self.assertTrue({"Ana Müller", "Zoë"} <= {p["name"] for p in people})
        self.assertIn("Office manager", {p["title"] for p in people})
        self.assertTrue(any(p["phone"] for p in people) and any(not p["email"] for p in people))

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


class Tickets(World):
    """Both ways: what technicians and customers do in Syncro is read, and what is wished for here is made there, once."""
    sim_flags = ("--seed", "7", "--syncro-assets", "14", "--syncro-customers", "4", "--syncro-tickets", "6")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_tickets_and_comments_are_read")
        cls.sim.command("PATCH", "/control/syncro/settings", {"per_minute": 1000})
        cls.integration = world.configure_syncro()["id"]
        cls.first = world.sync(mode="full")
        cls.asset = world.items("/api/v1/assets?limit=500")[0]["id"]

    def tearDown(self):
        self.sim.heal()
        provider_spec.check(self.sim, "syncro")
        self.assertEqual(self.sim.command("GET", "/control/syncro/summary")["emails"], 0)

    def sync(self, **request):
        return super().sync("syncro", **(request or {"mode": "incremental", "kinds": ["tickets"]}))

    def ticket(self, id):
        return self.ok(self.api.get(f"/api/v1/tickets/{id}"))

    def settled(self, id):
        return eventually(lambda: (t := self.ticket(id)) and not t["pending"] and t, f"ticket {id} is told")

    def created(self, **fields):
        answer = self.api.post("/api/v1/tickets", {"integration": "syncro", "asset_id": self.asset, "subject": "Disk \"C:\" voll", **fields})
        made = self.ok(answer, 201)
        self.assertEqual(answer.headers["Location"], f"/api/v1/tickets/{made['id']}")
        return made

    def theirs(self, ticket):
        return self.sim.command("GET", f"/control/syncro/tickets/{ticket['external_id']}")

    def count(self):
        return self.sim.command("GET", "/control/syncro/summary")["tickets"]

    def test_tickets_and_comments_are_read(self):
        self.assertEqual(self.first["status"], "success", self.first)
        tickets = self.items("/api/v1/tickets?limit=4")
        theirs = [t for t in tickets if t["origin"] == "product" and int(t["number"]) <= 1006]
        self.assertEqual({t["number"] for t in theirs}, {str(n) for n in range(1001, 1007)})
        self.assertIn("Kann nicht drucken – übel", {t["subject"] for t in theirs})
        self.assertTrue(any(t["assets"] for t in theirs))
        self.assertTrue(all(t["organization"] and t["url"].endswith(t["external_id"]) for t in theirs))
        one = next(t for t in theirs if t["number"] == "1006")
        self.assertEqual(len(self.ticket(one["id"])["comments"]), 7)
        self.assertEqual({c["from_customer"] for c in self.ticket(one["id"])["comments"]}, {True, False})
        self.assertEqual([t["id"] for t in self.items(f"/api/v1/tickets?status={one['status']}") if t["id"] == one["id"]], [one["id"]])
        self.assertEqual(self.items(f"/api/v1/tickets?integration_id={self.integration + 1000}"), [])
        self.assertEqual(self.items("/api/v1/tickets?updated_since=2099-01-01T00:00:00Z"), [])
        self.problem(self.api.get("/api/v1/tickets?status=done"), 422)
        asset = next(t["assets"][0]["id"] for t in theirs if t["assets"])
        self.assertIn(asset, {a["id"] for t in self.ok(self.api.get(f"/api/v1/assets/{asset}/tickets"))["items"] for a in t["assets"]})
        other = self.connect(self.new_tenant("stranger", "Stranger MSP"))
        self.assertEqual(self.ok(other.get("/api/v1/tickets"))["items"], [])
        self.problem(other.get(f"/api/v1/tickets/{one['id']}"), 404)

    def test_what_happens_there_is_read(self):
        made = self.sim.command("POST", "/control/syncro/tickets", {"customer_id": 30001, "asset_id": 5520000001, "subject": "From a customer"})["id"]
        self.sync()
        ticket = next(t for t in self.items("/api/v1/tickets") if t["external_id"] == str(made))
        self.assertEqual((ticket["status"], ticket["status_word"], len(ticket["assets"])), ("open", "New", 1))
        self.sim.command("POST", f"/control/syncro/tickets/{made}/comments", {"subject": "Re", "body": "Still broken 😡"})
        self.sim.command("PATCH", f"/control/syncro/tickets/{made}", {"status": "Customer Reply"})
        self.sync()
        now = self.ticket(ticket["id"])
        self.assertEqual((now["status_word"], [c["body"] for c in now["comments"]], now["comments"][0]["from_customer"]),
                         ("Customer Reply", ["Still broken 😡"], True))
        client = self.ok(self.api.post("/api/v1/clients", {"name": "Finch"}))["id"]
        organization = now["organization_id"]
        self.ok(self.api("PATCH", f"/api/v1/integrations/syncro/organizations/{organization}", {"client_id": client}, headers={"If-Match": "*"}))
        self.assertIn(ticket["id"], {t["id"] for t in self.items(f"/api/v1/tickets?client_id={client}")})
        hook = self.ok(self.api.get("/api/v1/integrations/syncro/webhook"))["url"]
        self.sim.command("PUT", "/control/webhooks/syncro", {"url": hook})
        self.addCleanup(self.sim.command, "DELETE", "/control/webhooks/syncro")
        self.sim.command("PATCH", f"/control/syncro/tickets/{made}", {"status": "Resolved"})
        eventually(lambda: self.ticket(ticket["id"])["status"] == "resolved", "the delivery is followed")
        self.assertTrue(self.ticket(ticket["id"])["resolved_at"])
        self.sim.command("DELETE", f"/control/syncro/tickets/{made}")
        self.sync(mode="single", device_id=f"ticket:{made}")
        self.assertEqual([self.ticket(ticket["id"])[k] for k in ("status", "status_word", "number")], ["closed", "deleted", ticket["number"]])

    def test_a_ticket_is_made_and_comes_back_as_the_same(self):
        before = self.count()
        made = self.created(body="4 % free", priority="High", type="hardware")
        self.assertEqual((made["external_id"], made["status"], [p["kind"] for p in made["pending"]]), (None, "open", ["create"]))
        ticket = self.settled(made["id"])
        theirs = self.theirs(ticket)
        self.assertEqual((theirs["number"], theirs["priority"], theirs["problem_type"]), (int(ticket["number"]), "1 High", "Hardware"))
        self.assertTrue(theirs["subject"].endswith("] Disk \"C:\" voll"))
        self.assertEqual((theirs["asset_ids"], [c["body"] for c in theirs["comments"]], theirs["comments"][0]["hidden"]),
                         ([5520000001], ["4 % free"], True))
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/comments", {"body": "Exchanged it"}), 202)
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/status", {"status": "in_progress"}), 202)
        now = self.settled(made["id"])
        self.assertEqual((now["status"], now["status_word"]), ("in_progress", "In Progress"))
        self.assertEqual([c["body"] for c in self.theirs(now)["comments"]], ["4 % free", "Exchanged it"])
        self.assertEqual(self.theirs(now)["status"], "In Progress")
        self.sync()
        self.sync(mode="full", kinds=["tickets"])
        self.assertEqual(len([t for t in self.items("/api/v1/tickets") if t["external_id"] == ticket["external_id"]]), 1)
        again = self.ticket(made["id"])
        self.assertEqual(([c["body"] for c in again["comments"]], again["origin"]), (["4 % free", "Exchanged it"], "hub"))
        self.assertEqual(self.count(), before + 1)
        self.assertIn(made["id"], [t["id"] for t in self.ok(self.api.get(f"/api/v1/assets/{self.asset}/tickets"))["items"]])

    def test_a_lost_answer_makes_no_second_ticket(self):
        for fault in ("drop", "truncate", "malformed", "html200"):
            before = self.count()
            self.sim.fault(product="syncro", path="/api/v1/tickets", kind=fault)
            ticket = self.settled(self.created(subject=f"Once {fault}")["id"])
            self.assertEqual(self.count(), before + 1, fault)
            self.assertEqual(self.theirs(ticket)["number"], int(ticket["number"]))
            self.sim.heal()

    def test_an_outage_loses_no_wish(self):
        before = self.count()
        self.sim.fault(product="syncro", path="/api/v1", kind="503", count=1000)
        made = self.created(subject="During an outage")
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/comments", {"body": "and a comment"}), 202)
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/status", {"status": "Scheduled"}), 202)
        eventually(lambda: self.ticket(made["id"])["pending"][0]["error"], "the failure shows", 60)
        self.hub.kill()  # whoever worked at it
        self.sim.heal()
        self.hub.start()
        self.api.close()
        type(self).api = self.connect(self.key)
        self.cluster.sql("update ticket_pushes set due_at = now() where due_at is not null")  # its lease would end by itself
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/retry"), 202)
        ticket = eventually(lambda: (t := self.ticket(made["id"])) and not t["pending"] and t, "all is told", 60)
        self.assertEqual((ticket["status"], [c["body"] for c in self.theirs(ticket)["comments"]]), ("waiting", ["During an outage", "and a comment"]))
        self.assertEqual(self.count(), before + 1)

    def test_what_is_refused_for_good_waits_for_a_person(self):
        made = self.created(subject="Refused")
        self.settled(made["id"])
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/status", {"status": "Gone fishing"}), 202)
        pending = eventually(lambda: (p := self.ticket(made["id"])["pending"]) and p[0]["given_up"] and p[0], "it is given up")
        self.assertIn("there are: New, In Progress", pending["error"])
        self.ok(self.api.post(f"/api/v1/tickets/{made['id']}/comments", {"body": "is not held up by it"}), 202)
        eventually(lambda: [c for c in self.theirs(self.ticket(made["id"]))["comments"] if c["body"] == "is not held up by it"], "the comment is told")
        faults = self.problem(self.api.post("/api/v1/tickets", {"integration": "syncro", "subject": " ", "asset_id": -1, "colour": 1}), 422)["errors"]
        self.assertEqual({f["pointer"] for f in faults}, {"/subject", "/asset_id", "/colour"})
        self.problem(self.api.post("/api/v1/tickets", {"integration": "ninjaone", "subject": "x"}), 422)
        self.problem(self.api.post("/api/v1/tickets", {"integration": "syncro", "subject": "x", "client_id": 999999}), 404)
        self.problem(self.api.post("/api/v1/tickets/999999/comments", {"body": "x"}), 404)
        viewer = self.connect(self.new_key("acme", "viewer"))
        self.problem(viewer.post("/api/v1/tickets", {"integration": "syncro", "subject": "x"}), 403)


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
