"""The audit log: what people change is told with who, from where, from what to what; read, filtered, exported; never with a secret."""
import concurrent.futures
import csv
import io
import json
import os
import pwd
import unittest
import urllib.parse

from processes import Http
from world import World

SECRET = "sim-ninja-secret"


class Audit(World):
    hub_options = {"exports": "1"}

    def rows(self, query=""):
        return self.items("/api/v1/audit" + query)

    def test_1_a_change_is_told_with_actor_address_and_request(self):
        values = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": SECRET}
        self.ok(self.api.post("/api/v1/integrations/ninjaone/configure", {"settings": values}, headers={"X-Request-Id": "audit-flow-1"}))
        row = next(r for r in self.rows() if r["action"] == "integration.created")
        self.assertEqual(row["target"]["name"], "ninjaone")
        self.assertEqual(row["after"]["settings"]["client_secret"], "***")
        self.assertEqual(row["after"]["settings"]["client_id"], "sim-ninja-client")
        self.assertEqual((row["actor"]["kind"], row["address"], row["request_id"]), ("api_key", "127.0.0.1", "audit-flow-1"))
        self.assertTrue(self.key.startswith(row["actor"]["name"]), row)
        self.assertEqual(self.ok(self.api.get(f"/api/v1/audit/{row['id']}")), row)
        self.assertEqual([r["id"] for r in self.items("/api/v1/integrations/ninjaone/audit?action=integration.created")], [row["id"]])

    def test_1_what_people_have_done_is_told(self):
        run = self.sync()
        row = self.rows("?action=run.requested")[0]
        self.assertEqual((row["target"]["id"], row["after"]), (run["id"], {"mode": "full", "dry_run": False}))
        self.assertEqual((row["actor"]["kind"], row["address"]), ("api_key", "127.0.0.1"))
        self.assertTrue(self.key.startswith(row["actor"]["name"]), row)
        self.problem(self.api.post(f"/api/v1/integrations/ninjaone/runs/{run['id']}/cancel"), 409)
        self.ok(self.api.post(f"/api/v1/integrations/ninjaone/runs/{run['id']}/undo"), 200)
        self.ok(self.api.post("/api/v1/integrations/ninjaone/deliveries/replay-dead"), 202)
        self.assertEqual([(r["action"], r["after"]) for r in self.items("/api/v1/integrations/ninjaone/audit")][0], ("run.undone", {"restored": 0}))
        hook = self.ok(self.api.get("/api/v1/integrations/ninjaone/webhook"))
        self.ok(self.hub.http.post(urllib.parse.urlsplit(hook["url"]).path, {"id": 1}, headers={hook["header"]: hook["secret"]}), 202)
        delivery = self.items("/api/v1/integrations/ninjaone/deliveries")[0]["id"]
        self.ok(self.api.post(f"/api/v1/integrations/ninjaone/deliveries/{delivery}/replay", headers={"X-Request-Id": "replay-1"}), 202)
        row = self.rows("?action=delivery.replayed")[0]
        self.assertEqual((row["target"]["id"], row["request_id"]), (delivery, "replay-1"))

    def test_2_filters_pages_and_cursors(self):
        for n in range(7):
            self.new_key("acme", "viewer")
        made = self.rows("?action=api_key.created&limit=3")
        self.assertGreaterEqual(len(made), 8)
        self.assertEqual([r["id"] for r in made], sorted((r["id"] for r in made), reverse=True))
        self.assertEqual(len({r["id"] for r in made}), len(made))
        last = made[0]
        self.assertEqual([r["id"] for r in self.rows(f"?target={last['target']['name']}")], [last["id"]])
        self.assertEqual(self.rows("?until=" + made[-1]["at"] + "&action=api_key.created"), [])
        self.assertEqual(len(self.rows("?since=" + made[2]["at"] + "&action=api_key.created")), 3)
        self.assertEqual(self.rows("?q=100%25"), [])
        self.assertTrue(all("key" in r["action"] for r in self.rows("?q=KEY.cre")))
        page = self.ok(self.api.get("/api/v1/audit?limit=1"))
        self.problem(self.api.get("/api/v1/audit?limit=1&actor=x&after=" + page["next"]), 422)
        self.problem(self.api.get("/api/v1/audit?since=yesterday"), 422)
        self.problem(self.api.get("/api/v1/audit/999999999"), 404)

    def test_2_commands_are_told_with_the_account(self):
        account = pwd.getpwuid(os.getuid()).pw_name
        made = self.rows("?action=api_key.created")[-1]
        self.assertEqual((made["actor"]["kind"], made["actor"]["name"], made["address"]), ("cli", account, None))

    def test_3_who_may(self):
        for role, status in (("viewer", 403), ("operator", 403), ("admin", 200)):
            with self.subTest(role):
                self.assertEqual(self.connect(self.new_key("acme", role)).get("/api/v1/audit").status, status)
        other = self.connect(self.new_tenant("other", "Other MSP"))
        theirs = {r["id"] for r in self.ok(other.get("/api/v1/audit?limit=500"))["items"]}
        ours = {r["id"] for r in self.rows()}
        self.assertFalse(theirs & ours)
        self.problem(other.get(f"/api/v1/audit/{min(ours)}"), 404)

    def test_4_export(self):
        self.cluster.sql("set msphub.actor = '{\"kind\": \"system\", \"name\": \"=HYPERLINK(1)\"}'; insert into api_keys "
                         "(tenant_id, name, prefix, hash, role) select tenant_id, 'n' || n, 'p' || n, ('x' || n)::bytea, 'viewer' "
                         "from tenants, generate_series(1, 1203) n where slug = 'acme'")
        listed = self.rows("?limit=500")
        answer = self.api.get("/api/v1/audit/export")
        self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual(lines, listed)
        self.assertEqual(self.rows("?action=audit.exported")[0]["after"], {"format": "ndjson"})
        answer = self.api.get("/api/v1/audit/export?format=csv&action=api_key.created")
        self.assertIn("audit.csv", answer.headers["Content-Disposition"])
        table = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual(len(table), len(self.rows("?action=api_key.created&limit=500")))
        self.assertEqual(sum(row["actor"] == "'=HYPERLINK(1)" for row in table), 1203)
        self.assertNotIn('"=', answer.body.decode())
        self.assertNotIn(SECRET.encode(), answer.body)
        self.problem(self.api.get("/api/v1/audit/export?format=pdf"), 422)

    def test_5_a_client_that_leaves_stops_the_export(self):
        self.cluster.sql("insert into audit_logs (tenant_id, actor_kind, actor, action, target_type, target, after) select tenant_id, "
                         "'system', 'x', 'a.b', 'a', repeat('t', 2000), '{}' from tenants, generate_series(1, 20000) n where slug = 'acme'")
        gone = Http(self.hub.url, {"Authorization": "Bearer " + self.key})
        gone.get("/api/v1/audit/1")
        gone.connection.request("GET", "/api/v1/audit/export", headers=gone.headers)
        gone.connection.getresponse().read(100)
        gone.close()
        self.assertEqual(self.api("HEAD", "/api/v1/audit/export").status, 200)
        self.assertGreater(len(self.api.get("/api/v1/audit/export").body), 40_000_000)

    def test_6_exports_take_turns(self):
        """One that nobody reads keeps its turn from nobody, and neither do many that wait for theirs when they leave."""
        def begun():
            http = Http(self.hub.url, {"Authorization": "Bearer " + self.key})
            http.get("/api/v1/audit/1")
            http.connection.request("GET", "/api/v1/audit/export", headers=http.headers)
            return http
        idle = begun()
        idle.connection.getresponse().read(100)
        waiting = [begun() for _ in range(6)]
        small = "/api/v1/audit/export?action=api_key.created"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            def export(_):
                http = self.connect(self.key)
                try:
                    return http.get(small).body
                finally:
                    http.close()
            answers = list(pool.map(export, range(8)))
        for http in waiting + [idle]:
            http.close()
        self.assertEqual(len(set(answers)), 1)
        self.assertEqual(self.api.get(small).body, answers[0])


if __name__ == "__main__":
    unittest.main()
