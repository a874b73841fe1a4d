"""Tenants over two hubs on one database: the platform's operator, suspending, resuming, exporting, deleting."""
import concurrent.futures
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

from processes import BUILD, Http, Hub, environment, eventually
from world import World, msphub

SECRETS = ("sim-ninja-secret", "SIMTACTICALKEYFULLACCESS00000001")


class Tenants(World):
    """The platform's tenant is `acme`, the first one."""

    @classmethod
    def build(cls):
        super().build()
        cls.second = cls.keep(Hub(cls.cluster, cls.key_file, **cls.hub_options))
        cls.operator = cls.connect(cls.new_key("acme", "platform"))

    def tenant(self, slug, **settings):
        """A tenant with a Ninja integration that has been read once; gives (id, key, its API, its API on the other hub)."""
        made = self.ok(self.operator.post("/api/v1/tenants", {"slug": slug, "name": slug.title()}), 201)
        key = self.new_key(slug, "admin")
        api, there = self.connect(key), self.keep(Http(self.second.url, {"Authorization": "Bearer " + key}))
        mine, self.api = self.api, api
        try:
            self.configure_ninja(**settings)
            self.assertEqual(self.sync()["status"], "success")
        finally:
            self.api = mine
        return made["id"], key, api, there

    def hook(self, api):
        hook = self.ok(api.get("/api/v1/integrations/ninjaone/webhook"))
        return urllib.parse.urlsplit(hook["url"]).path, {hook["header"]: hook["secret"]}

    def inbox(self, tenant_id):
        return dict(self.cluster.sql(f"select status, count(*) from webhook_deliveries where tenant_id = {tenant_id} group by 1"))

    def rows(self, tenant_id):
        """How many rows of it each table holds, whatever tables there are."""
        tables = self.cluster.sql("select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid where a.attname = 'tenant_id' "
                                  "and c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace order by 1")
        counts = {t: int(self.cluster.value(f'select count(*) from "{t}" where tenant_id = {tenant_id}')) for (t,) in tables}
        return {t: n for t, n in counts.items() if n}

    def test_who_is_the_platform(self):
        listed = {t["slug"]: t for t in self.ok(self.operator.get("/api/v1/tenants"))["items"]}
        self.assertTrue(listed["acme"]["platform"])
        self.problem(self.api.get("/api/v1/tenants"), 403)
        made = self.ok(self.operator.post("/api/v1/tenants", {"slug": "north", "name": "North"}), 201)
        self.assertEqual((made["status"], made["platform"]), ("active", False))
        refused = self.hub.command("api-key", "create", "--tenant", "north", "--role", "platform", check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.problem(self.operator.post("/api/v1/tenants", {"slug": "north", "name": "North"}), 409)
        faults = self.problem(self.operator.post("/api/v1/tenants", {"slug": "No Slug", "colour": 1}), 422)["errors"]
        self.assertEqual({f["pointer"] for f in faults}, {"/slug", "/name", "/colour"})
        for action in ("suspend", "resume"):
            self.assertEqual(self.operator.post(f"/api/v1/tenants/{listed['acme']['id']}/{action}").status, 403 if action == "suspend" else 200)
        self.problem(self.operator("DELETE", f"/api/v1/tenants/{listed['acme']['id']}", {"confirm": "acme"}), 403)
        self.problem(self.operator.get("/api/v1/tenants/999999"), 404)
        self.problem(self.operator.post("/api/v1/tenants/999999/suspend"), 404)

    def test_rename_wants_the_version_that_was_seen(self):
        made = self.ok(self.operator.post("/api/v1/tenants", {"slug": "south", "name": "South"}), 201)
        path = f"/api/v1/tenants/{made['id']}"
        self.problem(self.operator("PATCH", path, {"name": "Deep South"}), 428)
        tag = self.operator.get(path).headers["ETag"]
        self.assertEqual(self.ok(self.operator("PATCH", path, {"name": "Deep South"}, headers={"If-Match": tag}))["name"], "Deep South")
        self.problem(self.operator("PATCH", path, {"name": "South"}, headers={"If-Match": tag}), 412)
        self.problem(self.operator("PATCH", path.replace(str(made["id"]), "999999"), {"name": "x"}, headers={"If-Match": "*"}), 404)

    def test_the_operator_works_in_another_tenant(self):
        made = self.ok(self.operator.post("/api/v1/tenants", {"slug": "east", "name": "East"}), 201)
        inside = {"Msphub-Tenant": "east"}
        values = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}
        self.ok(self.operator.post("/api/v1/integrations/ninjaone:away/configure", {"settings": values}, headers=inside))
        eventually(lambda: self.operator.post("/api/v1/integrations/ninjaone:away/sync", {}, headers=inside).status == 202, "a sync is asked for")
        self.problem(self.operator.get("/api/v1/integrations/ninjaone:away/runs"), 404)
        log = self.ok(self.operator.get("/api/v1/audit?action=run.requested", headers=inside))["items"]
        self.assertEqual([r["target"]["type"] for r in log], ["run"])
        self.assertTrue(log[0]["actor"]["name"].startswith("msp_"))
        self.assertEqual({int(t) for t, in self.cluster.sql("select tenant_id from integration_configurations where name = 'away'")}, {made["id"]})
        self.problem(self.operator.get("/api/v1/assets", headers={"Msphub-Tenant": "nobody"}), 403)
        self.problem(self.operator.get("/api/v1/assets", headers={"Msphub-Tenant": "' or 1=1"}), 403)
        # Everybody else is told the same, whether there is such a tenant or not; their own is no other.
        for slug in ("east", "nobody"):
            self.problem(self.api.get("/api/v1/assets", headers={"Msphub-Tenant": slug}), 403)
        self.ok(self.api.get("/api/v1/assets", headers={"Msphub-Tenant": "acme"}))

    def test_suspended_and_resumed(self):
        tenant_id, _, api, there = self.tenant("west")
        path, header = self.hook(api)
        self.ok(there.get("/api/v1/assets"))  # both hubs know the key and the tenant
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/suspend"))
        eventually(lambda: there.get("/api/v1/assets").status == 403, "the other hub refuses the key", deadline=2)
        self.assertEqual(self.problem(api.get("/api/v1/assets"), 403)["type"], "/problems/tenant_suspended")
        for n, hub in enumerate((self.hub, self.second) * 3):
            self.ok(hub.http.post(path, {"id": n, "activityTime": 1, "statusCode": "NODE_UPDATED", "deviceId": n}, headers=header), 202)
        self.assertEqual(self.inbox(tenant_id), {"held": "6"})
        self.cluster.sql(f"update integration_configurations set next_sync_at = now() - interval '1 hour' where tenant_id = {tenant_id}; "
                         "notify msphub_run")
        # The platform reads there, and changes nothing.
        inside = {"Msphub-Tenant": "west"}
        before = self.ok(self.operator.get("/api/v1/integrations/ninjaone/runs", headers=inside))
        self.problem(self.operator.post("/api/v1/integrations/ninjaone/sync", {}, headers=inside), 403)
        self.assertIn("west", [t["slug"] for t in self.ok(self.operator.get("/api/v1/tenants?status=suspended"))["items"]])
        self.assertNotIn("west", [t["slug"] for t in self.ok(self.operator.get("/api/v1/tenants?status=active"))["items"]])
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/suspend"))  # again is harmless
        # Of another tenant a sync runs meanwhile, so the syncers have looked at what is due.
        self.configure_ninja()
        self.sync()
        self.assertEqual(self.ok(self.operator.get("/api/v1/integrations/ninjaone/runs", headers=inside)), before)
        self.assertEqual(self.inbox(tenant_id), {"held": "6"})
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/resume"))
        eventually(lambda: not {"held", "pending"} & set(self.inbox(tenant_id)), "what was held is applied")
        eventually(lambda: there.get("/api/v1/assets").status == 200, "the key is good again", deadline=2)
        due = float(self.cluster.value(f"select extract(epoch from next_sync_at - now()) from integration_configurations where tenant_id = {tenant_id}"))
        self.assertTrue(-10 < due <= 600, due)
        log = [r["action"] for r in self.ok(api.get("/api/v1/audit?target_type=tenant"))["items"]]
        self.assertEqual(log, ["tenant.resumed", "tenant.suspended", "tenant.created"])

    def test_a_running_sync_stops_and_goes_on(self):
        tenant_id, _, api, _ = self.tenant("pause")
        self.sim.command("POST", "/control/latency", {"ms": 300})
        try:
            run = self.ok(api.post("/api/v1/integrations/ninjaone/sync", {}), 202)["run_id"]
            status = lambda: self.cluster.value(f"select status from integration_sync_history where run_id = {run}")
            eventually(lambda: status() == "running", "the run began")
            self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/suspend"))
            eventually(lambda: status() == "queued", "the run was given back", deadline=10)
        finally:
            self.sim.command("POST", "/control/latency", {"ms": 0})
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/resume"))
        eventually(lambda: status() == "success", "it ended after all")

    def test_export(self):
        tenant_id, key, api, _ = self.tenant("paper")
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/suspend"))
        answer = self.operator.get(f"/api/v1/tenants/{tenant_id}/export")
        self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
        lines = answer.body.splitlines(keepends=True)
        head, end = json.loads(lines[0]), json.loads(lines[-1])
        self.assertEqual((head["export"], head["tenant"]), (1, "paper"))
        self.assertEqual(end["sha256"], hashlib.sha256(b"".join(lines[:-1])).hexdigest())
        rows = [json.loads(line) for line in lines[1:-1]]
        counts = {}
        for row in rows:
            counts[row["table"]] = counts.get(row["table"], 0) + 1
            self.assertEqual(row["row"]["tenant_id"], tenant_id)
        self.assertEqual((end["rows"], end["tables"]), (len(rows), counts))
        stored = self.rows(tenant_id)
        stored["audit_logs"] -= 1  # that it was exported
        self.assertEqual(counts, stored)
        for secret in (*SECRETS, key, key.split("_")[2]):
            self.assertNotIn(secret.encode(), answer.body)
        for sealed, in self.cluster.sql(f"select settings ->> 'client_secret' from integration_configurations where tenant_id = {tenant_id} union all "
                                        f"select hook_secret from integration_configurations where tenant_id = {tenant_id} union all "
                                        f"select hook from integration_configurations where tenant_id = {tenant_id} union all "
                                        f"select encode(hash, 'hex') from api_keys where tenant_id = {tenant_id}"):
            self.assertTrue(sealed)
            self.assertNotIn(sealed.encode(), answer.body)
        # The same from the command line; the file has its name when it is whole.
        folder = tempfile.mkdtemp(prefix="msphub-flow-export-")
        path = os.path.join(folder, "paper.ndjson")
        self.addCleanup(os.rmdir, folder)
        self.addCleanup(os.unlink, path)
        msphub(self.cluster, self.key_file, "tenant", "export", "paper", "--output", path)
        with open(path, "rb") as f:
            again = f.read().splitlines()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(folder), ["paper.ndjson"])
        self.assertEqual(json.loads(again[-1])["rows"], len(rows) + 1)
        refused = self.hub.command("tenant", "export", "paper", "--output", path, check=False)
        self.assertEqual(refused.returncode, 1)
        shown = self.ok(self.operator.get(f"/api/v1/tenants/{tenant_id}"))
        self.assertEqual(shown["export_sha256"], json.loads(again[-1])["sha256"])

    def fill(self, tenant_id, n):
        """Rows of a large tenant, in tables of every kind."""
        self.cluster.sql(f"""
            insert into assets (tenant_id, name) select {tenant_id}, 'filled ' || n from generate_series(1, {n}) n;
            insert into sync_run_seen select {tenant_id}, 1, 2, n::text from generate_series(1, {n}) n;
            insert into asset_source_facets (tenant_id, integration_id, external_id, facet, hash, observed_at, body)
                select {tenant_id}, 1, n::text, 1, 1, now(), '{{}}' from generate_series(1, {n}) n;
            insert into webhook_deliveries (tenant_id, integration_id, received_at, next_attempt_at, received_on, status, provider, dedupe_key,
                                            type, body)
                select {tenant_id}, 1, now(), now(), now()::date, 'held', 'ninjaone', 'd' || n, 't', 'x' from generate_series(1, {n}) n""")

    def test_delete(self):
        neighbour, *_ = self.tenant("neighbour")
        tenant_id, _, api, there = self.tenant("doomed")
        path, header = self.hook(api)
        self.fill(tenant_id, 4000)
        confirm = {"confirm": "doomed"}
        self.problem(self.operator("DELETE", f"/api/v1/tenants/{tenant_id}", confirm), 409)
        self.ok(self.operator.post(f"/api/v1/tenants/{tenant_id}/suspend"))
        exported = json.loads(self.operator.get(f"/api/v1/tenants/{tenant_id}/export").body.splitlines()[-1])
        self.problem(self.operator("DELETE", f"/api/v1/tenants/{tenant_id}", {"confirm": "neighbour"}), 422)
        self.problem(self.operator("DELETE", f"/api/v1/tenants/{tenant_id}", {}), 422)
        beside = self.rows(neighbour)
        stored = self.rows(tenant_id)
        self.assertGreater(sum(stored.values()), 16000)
        self.assertEqual(self.ok(self.operator("DELETE", f"/api/v1/tenants/{tenant_id}", confirm, headers={"X-Request-Id": "doom-1"}), 202)["status"], "deleting")
        # Webhooks go on coming while it is taken away, to both hubs.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            def send(hub):
                http, n = Http(hub.url), 0
                while self.operator_there(hub, tenant_id):
                    self.assertIn(http.post(path, {"id": n}, headers=header).status, (202, 404))
                    n += 1
                http.close()
                return n
            sent = list(pool.map(send, (self.hub, self.second)))
        self.assertTrue(all(sent))
        self.assertEqual(self.rows(tenant_id), {})
        self.assertEqual(self.rows(neighbour), beside)
        eventually(lambda: api.get("/api/v1/assets").status == 401, "its key is unknown")
        row = self.ok(self.operator.get("/api/v1/audit?action=tenant.deleted&q=doomed"))["items"][0]
        self.assertEqual((row["target"], row["request_id"]), ({"type": "tenant", "id": tenant_id, "name": "doomed"}, "doom-1"))
        self.assertEqual(row["before"]["export_sha256"], exported["sha256"])
        for table, n in stored.items():
            self.assertGreaterEqual(row["after"]["rows"].get(table, 1), n - (table == "tenants"), table)

    def operator_there(self, hub, tenant_id):
        return self.cluster.value(f"select 1 from tenants where tenant_id = {tenant_id}") == "1"

    def test_delete_from_the_command_line_goes_on_after_a_kill(self):
        self.hub.command("tenant", "create", "brief")
        tenant_id = int(self.cluster.value("select tenant_id from tenants where slug = 'brief'"))
        self.fill(tenant_id, 30000)
        self.assertEqual(self.hub.command("tenant", "delete", "brief", "--confirm", "brief", check=False).returncode, 1)
        self.hub.command("tenant", "suspend", "brief")
        self.assertEqual(self.hub.command("tenant", "delete", "brief", check=False).returncode, 1)
        argv = [os.path.join(BUILD, "msphub"), "tenant", "delete", "brief", "--confirm", "brief"]
        full = self.rows(tenant_id)["assets"]
        held = self.cluster.session(f"begin; select from tenants where tenant_id = {tenant_id} for key share;")  # it cannot end before the kill
        doing = subprocess.Popen(argv, env=environment(self.hub.env()), stdout=subprocess.DEVNULL)
        eventually(lambda: self.rows(tenant_id).get("sync_run_seen", 0) < full, "it has begun")
        doing.send_signal(signal.SIGKILL)
        doing.wait()
        held.end()
        self.hub.command("tenant", "delete", "brief", "--confirm", "brief")
        self.assertEqual(self.rows(tenant_id), {})
        self.assertEqual(self.ok(self.operator.get("/api/v1/audit?action=tenant.deleted&q=brief"))["items"][0]["actor"]["kind"], "cli")

    def test_a_role_above_row_level_security_is_refused(self):
        for role in ("superuser", "bypassrls"):
            self.cluster.sql(f"create role {role}_hub login {role}", database="postgres")
            conninfo = self.cluster.conninfo.replace("user=msphub", f"user={role}_hub")
            done = subprocess.run([os.path.join(BUILD, "msphub"), "serve", "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                                  timeout=30, env=environment({"MSPHUB_DATABASE": conninfo}))
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("row-level security", done.stderr)


if __name__ == "__main__":
    unittest.main()
