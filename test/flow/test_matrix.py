"""Every operation of doc/openapi.yaml × whatever is wrong about who asks, whose thing it is, and what is sent.

What is right about an operation its own test shows. Here the document says what must be refused, and with what: processes.py holds
each answer to the document, so that a status, a member or a header that does not stand there fails as well."""
import base64
import json
import re
import statistics
import time
import unittest
import urllib.parse

from openapi import document
from processes import Cluster, Http, eventually
from world import World

ROLES = ("viewer", "operator", "admin", "platform")
ABSENT = {"key": "ninjaone:nowhere", "id": "8888888888", "provider": "ninjaone", "hook": "x" * 32, "tenant": "nowhere", "action": "no_such_action",
          "field": "name", "group": "name", "error": "8888888888"}
# For bodies that cannot be the document's example in a second tenant.
EXAMPLES = {
    "identity_providers_create": lambda tenant, name: {"name": name, "issuer": "https://login.example.com", "bearer": True,
                                                       "audiences": [f"{tenant}-{name}"], "default_role": "viewer"},
    "tickets_create": lambda tenant, name: {"integration": "syncro", "subject": name},
}


PASSWORD = "a quiet tin drum"


class Counted(Cluster):
    """Counts each statement and its rows."""
    settings = Cluster.settings + "shared_preload_libraries='pg_stat_statements'\npg_stat_statements.max=10000\n"


def operations(test, way="apiKey"):
    """Those that need a credential and take one of this kind."""
    return [o for o in document().operations if any(way in ways for ways in o.security) and test(o)]


class Matrix(World):
    hub_options = {"rate_limit_key": "6000000", "rate_limit_tenant": "6000000", "rate_limit_wrong": "6000000", "sign_in_per_address": "1000000",
                   "password_memory": "8m", "password_passes": "1"}
    cluster_class = Counted

    @classmethod
    def build(cls):
        super().build()
        cls.doc = document()
        cls.cluster.sql("create extension pg_stat_statements")
        cls.keys = {"acme": cls.key, "globex": cls.new_tenant("globex", "Globex MSP")}
        cls.platform = cls.connect(cls.new_key("acme", "platform"))
        cls.callers = {tenant: cls.connect(key) for tenant, key in cls.keys.items()}
        world = cls("test_no_credential")
        for tenant, caller in cls.callers.items():
            world.furnish(tenant, caller)
        cls.things = {}
        cls.by_role = {role: cls.connect(cls.new_key("acme", role)) for role in ROLES}
        cls.sessions = {role: cls.keep(Http(cls.hub.url, world.signed_in(role))) for role in ("viewer", "admin")}

    def furnish(self, tenant, caller):
        """Two at least of whatever can be listed."""
        for name in ("ninjaone", "ninjaone:west") if tenant == "globex" else ("ninjaone",):
            settings = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}
            self.ok(caller.post(f"/api/v1/integrations/{name}/configure", {"settings": settings, "sync_interval": 86400}))
        syncro = {"base_url": self.sim.syncro, "subdomain": "northmsp", "api_token": "simsyncrotokenwithallpermissions0001"}
        self.ok(caller.post("/api/v1/integrations/syncro/configure", {"settings": syncro, "enabled": False}))  # keeps tickets, and is told of none
        for _ in range(2):
            self.run_to_the_end(caller)
        hook = self.ok(caller.get("/api/v1/integrations/ninjaone/webhook"))
        for n in range(3):
            body = {"id": 7000 + n, "activityTime": 1760001234.5, "deviceId": 1, "seriesUid": f"matrix-{n}", "activityType": "CONDITION",
                    "statusCode": "TRIGGERED", "status": "Triggered", "message": "Memory", "type": "Condition"}
            self.ok(self.hub.http.post(urllib.parse.urlsplit(hook["url"]).path, body, headers={hook["header"]: hook["secret"]}), 202)
        eventually(lambda: len(self.ok(caller.get("/api/v1/alerts?limit=3"))["items"]) == 3, "three alerts")
        for asset in sorted(a["id"] for a in self.ok(caller.get("/api/v1/assets?limit=500"))["items"])[-2:]:  # a person's word against the product's
            self.ok(caller("PATCH", f"/api/v1/assets/{asset}", {"name": "Reception"}, headers={"If-Match": "*"}))
        self.furnish_kinds(tenant)
        for o in operations(lambda o: o.method == "POST" and not o.taking("path") and o.role != "platform" and "201" in o.responses):
            for n in range(2):
                made = caller.post(o.template, self.example(o, tenant, f"m{n}"))
                self.assertEqual(made.status, 201, (o, made))

    def furnish_kinds(self, tenant):
        """What the simulated NinjaOne does not have, on the newest asset; test_kinds.py has it from a product."""
        of = ("(select t.tenant_id as t, i.integration_id as i, s.external_id as d from tenants t join integration_configurations i using "
              "(tenant_id) join asset_sources s using (tenant_id, integration_id) "
              f"where t.slug = '{tenant}' order by s.asset_id desc limit 1) x cross join generate_series(1, 3) as n")
        for statement in (
                "insert into source_lists (tenant_id, integration_id, kind, external_id, observed_at) select t, i, 8, d, now() from {of} where n = 1",
                "insert into software_catalog (tenant_id, key, name) select t, n, 'Program ' || n from {of}",
                "insert into asset_software (tenant_id, list_id, item, software_id) select t, list_id, 10 * n + k, software_id from {of} "
                "join source_lists l on l.tenant_id = t and l.kind = 8 cross join generate_series(1, 3) as k "
                "join software_catalog c on c.tenant_id = t and c.key = n",
                "insert into asset_patches (tenant_id, integration_id, device_external_id, item, list_id, family, external_id, status) "
                "select t, i, d, n, 0, 'os', n, 'pending' from {of}",
                "insert into people (tenant_id, integration_id, external_id, name) select t, i, n, 'Person ' || n from {of}",
                "insert into licenses (tenant_id, integration_id, external_id) select t, i, n from {of}",
                "insert into asset_groups (tenant_id, integration_id, external_id, member_kind) select t, i, 'g' || n, 'devices' from {of}",
                "insert into source_lists (tenant_id, integration_id, kind, external_id, observed_at) select t, i, 12, 'g' || n, now() from {of}",
                "insert into asset_group_members (tenant_id, list_id, item, member_external_id) select t, list_id, n, case n when 1 then d else "
                "n::text end from {of} join source_lists l on l.tenant_id = t and l.kind = 12"):
            self.cluster.sql(statement.format(of=of) + " on conflict do nothing")

    def signed_in(self, role):
        """The headers of a browser in which somebody has signed in."""
        sign_in = {"tenant": "acme", "email": f"{role}@example.org", "password": PASSWORD}
        answer = self.hub.http.post("/api/v1/session", sign_in)
        if answer.status == 401:
            self.ok(self.platform.post("/api/v1/users", {"email": sign_in["email"], "role": role, "password": PASSWORD}), 201)
            self.cluster.sql("update users set must_change_password = false")
            answer = self.hub.http.post("/api/v1/session", sign_in)
        csrf = self.ok(answer)["csrf_token"]
        cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie")]
        return {"Cookie": "; ".join(cookies), "X-CSRF-Token": csrf}

    def run_to_the_end(self, caller):
        run = self.ok(caller.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"}), 202, 409)["run_id"]
        path = f"/api/v1/integrations/ninjaone/runs/{run}"
        eventually(lambda: self.ok(caller.get(path))["status"] not in ("queued", "running"), "the run ends")

    def example(self, o, tenant="acme", name="m"):
        """A body that the operation takes."""
        if o.id in EXAMPLES:
            return EXAMPLES[o.id](tenant, name)
        media = o.body["content"]["application/json"]
        example = media["example"] if "example" in media else next(iter(media["examples"].values()))["value"]
        return self.named(example, name)

    def named(self, example, name):
        """What must be the only one of its name gets one of its own."""
        changes = {"name": name, "slug": name, "reference": name, "email": f"{name}@example.org"}
        return {k: changes.get(k, v) for k, v in example.items()}

    # --- paths ---

    def path(self, o, whose=None, **params):
        """The operation's path: with ids of this tenant, else with what is nowhere; params say otherwise."""
        values = dict(ABSENT)
        if whose:
            values.update(key="ninjaone", id=self.thing(whose, o.template), provider="m0", tenant=whose)
        values.update(params)
        return re.sub(r"\{(\w+)\}", lambda m: str(values[m[1]]), o.template)

    def thing(self, tenant, template):
        """The id of one of the things that stand before /{id}: the newest, which nothing here depends on."""
        place = template.split("/{id}")[0]
        if "/{id}" not in template:
            return None
        if (tenant, place) not in self.things:
            caller = self.platform if self.doc.find("GET", place)[0].role == "platform" else self.callers[tenant]
            items = self.ok(caller.get(place.replace("{key}", "ninjaone")))["items"]
            self.assertTrue(items, f"{tenant} has nothing at {place}")
            self.things[tenant, place] = max(item["id"] for item in items)
        return self.things[tenant, place]

    def ask(self, http, o, path, body=None, **headers):
        """A request whose only fault is the one under test."""
        if o.body and body is None:
            body = {}
        if any(p["name"] == "If-Match" for p in o.parameters):
            headers.setdefault("If-Match", "*")
        return http(o.method, path, body, headers=headers)

    def test_good_reads(self):
        """What is refused below is there, and can be read: each answer shows what the document says, and no list is empty."""
        empty = set()
        for o in operations(lambda o: o.method == "GET"):
            with self.subTest(o.id):
                caller = self.platform if o.role == "platform" else self.callers["acme"]
                answer = caller.get(self.path(o, "acme"))
                self.assertEqual(answer.status, 200, answer)
                if any(p["name"] == "after" for p in o.parameters) and not answer.json["items"]:
                    empty.add(o.id)
        self.assertLessEqual(empty, {"backups_list", "runs_errors", "remote_access_list"})  # test_msp360.py and test_actions.py have some

    # --- who asks ---

    def caller(self, headers):
        http = Http(self.hub.url, headers)
        self.addCleanup(http.close)
        return http

    def refused(self, http, status, kind=None, wanted=lambda o: True):
        asked = operations(wanted)
        self.assertTrue(asked)
        for o in asked:
            with self.subTest(o.id):
                problem = self.problem(self.ask(http, o, self.path(o)), status)
                self.assertIn(kind, (None, problem["type"]))

    def test_no_credential(self):
        self.refused(self.caller({}), 401, "/problems/no_credential")

    def test_garbage_for_a_credential(self):
        self.refused(self.caller({"Authorization": "Bearer msp_nonsense"}), 401)
        o = self.doc.by_id["assets_list"]
        key = self.keys["acme"]
        for headers in ({"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"}, {"Authorization": key},
                        {"Authorization": f"Bearer {key}x"}, {"Authorization": f"Bearer {key[:-1]}"}, {"Authorization": f"Bearer {key} {key}"},
                        {"Authorization": f"Bearer {key.upper()}"}, {"Authorization": "Bearer " + "a" * 8000}, {"X-API-Key": ""},
                        {"Authorization": "Bearer \xff\xfe"}, {"X-API-Key": "' or 1=1 --"}, {"X-API-Key": key.split("_")[1]},
                        {"Authorization": "Bearer a.b.c"}, {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, {"Cookie": f"session={key}"},
                        {"Authorization": "Bearer msp_nonsense", "X-API-Key": key}):
            with self.subTest(str(headers)[:60]):
                self.problem(self.caller(headers).get(o.template), 401)

    def test_expired_and_revoked(self):
        for column in ("expires_at", "revoked_at"):
            key = self.new_key("acme", "platform")
            self.cluster.sql(f"update api_keys set {column} = now() - interval '1 second' where prefix = '{key.split('_')[1]}'")
            self.refused(self.caller({"Authorization": "Bearer " + key}), 401, "/problems/bad_credential")

    def test_a_suspended_tenant(self):
        http = self.caller({"Authorization": "Bearer " + self.new_tenant("sleepy", "Sleepy MSP")})
        self.cluster.sql("update tenants set status = 'suspended' where slug = 'sleepy'")
        for o in operations(lambda o: True):
            with self.subTest(o.id):
                self.assertIn(self.ask(http, o, self.path(o)).status, (401, 403))

    def test_public_operations_ask_for_nothing(self):
        for o in self.doc.operations:
            if o.role == "public" and o.method == "GET" and not o.taking("path"):
                with self.subTest(o.id):
                    plain, garbage = (self.caller(h).get(o.template).status for h in ({}, {"Authorization": "Bearer msp_nonsense"}))
                    self.assertEqual(plain, garbage)
                    self.assertNotIn(plain, (401, 403))

    def test_roles(self):
        """Each role asks for what is nowhere: who may is told so, who may not is not."""
        for o in operations(lambda o: True):
            for role, http in self.by_role.items():
                with self.subTest(o.id, role=role):
                    answer = self.ask(http, o, self.path(o))
                    if ROLES.index(role) < ROLES.index(o.role):
                        self.assertEqual(self.problem(answer, 403)["type"], "/problems/forbidden")
                    else:
                        self.assertNotIn(answer.status, (401, 403), answer)

    def test_sessions(self):
        """Of somebody who may little, without the token against forgery, from another site, over, and made up."""
        over = self.signed_in("viewer")
        self.ok(self.caller(over)("DELETE", "/api/v1/session"), 204)
        bad = [self.caller(headers) for headers in (over, {"Cookie": "__Host-msphub_session=" + "x" * 43}, {"Cookie": "__Host-msphub_session="}, {})]
        viewer, headers = self.sessions["viewer"], self.signed_in("admin")
        forged = [(self.caller({"Cookie": headers["Cookie"]}), "csrf"), (self.caller({**headers, "X-CSRF-Token": "x"}), "csrf"),
                  (self.caller({**headers, "Origin": "https://evil.example"}), "cross_site"), (self.caller({**headers, "Origin": "null"}), "cross_site")]
        for o in operations(lambda o: True, "session"):
            with self.subTest(o.id):
                for http in bad:
                    self.problem(self.ask(http, o, self.path(o)), 401)
                if ROLES.index(o.role) > 0:
                    self.assertEqual(self.problem(self.ask(viewer, o, self.path(o)), 403)["type"], "/problems/forbidden")
                if o.method != "GET":
                    for http, code in forged:
                        self.assertEqual(self.problem(self.ask(http, o, self.path(o)), 403)["type"], "/problems/" + code)

    def test_sessions_are_not_for_keys(self):
        for o in operations(lambda o: not any("apiKey" in ways for ways in o.security), "session"):
            with self.subTest(o.id):
                self.assertIn(self.ask(self.platform, o, self.path(o)).status, (400, 403, 404, 409, 422))

    def scoped(self, *scopes):
        made = self.ok(self.platform.post("/api/v1/api-keys", {"name": "scoped", "role": "platform", "scopes": list(scopes)}), 201)
        return self.caller({"Authorization": "Bearer " + made["key"]})

    def test_scopes(self):
        """The scope that the document names opens an operation, all the others do not."""
        scopes = [s for s in self.doc.tree["components"]["schemas"]["Scope"]["enum"] if s != "self"]
        for scope in scopes:
            one, others = self.scoped(scope), self.scoped(*(s for s in scopes if s != scope))
            for o in operations(lambda o: o.scope == scope):
                with self.subTest(o.id):
                    self.assertNotIn(self.ask(one, o, self.path(o)).status, (401, 403))
                    self.assertEqual(self.problem(self.ask(others, o, self.path(o)), 403)["type"], "/problems/insufficient_scope")

    def test_naming_another_tenant(self):
        """Only the platform may, and nobody else learns whether there is such a tenant."""
        for o in operations(lambda o: True):
            with self.subTest(o.id):
                answers = [self.ask(self.callers["globex"], o, self.path(o), **{"Msphub-Tenant": slug}) for slug in ("acme", "nobody")]
                self.assertEqual(*[(a.status, {k: v for k, v in a.json.items() if k != "request_id"}) for a in answers])
                self.problem(answers[0], 403)
        for o in operations(lambda o: o.method == "GET" and "{id}" in o.template and o.role != "platform"):
            with self.subTest(o.id, by="platform"):
                path = self.path(o, "globex")
                self.ok(self.ask(self.platform, o, path, **{"Msphub-Tenant": "globex"}), 200)
        for slug in ("nobody", "GLOBEX", "globex ' --", "\xff", "g" * 5000):
            self.assertIn(self.platform.get("/api/v1/assets", headers={"Msphub-Tenant": slug}).status, (400, 403, 404), slug[:40])

    # --- whose thing it is ---

    def foreign(self):
        """(operation, path to another tenant's thing, path to none)"""
        for o in operations(lambda o: o.taking("path") and o.role != "platform"):
            if "{id}" in o.template:
                theirs = self.thing("globex", o.template)
                yield o, self.path(o, "acme", id=theirs), self.path(o, "acme", id=ABSENT["id"])
            else:
                yield o, self.path(o, key="ninjaone:west"), self.path(o)

    def faceless(self, answer, path):
        """An answer without what may differ: the request's id and what the request itself said."""
        problem = {k: v for k, v in answer.json.items() if k not in ("request_id", "instance")}
        for name in re.findall(r"ninjaone:\w+|\d+", path):
            problem["detail"] = re.sub(rf"\b{name}\b", "*", problem["detail"])
        return answer.status, sorted((k, v) for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id", "Content-Length")), problem

    def test_another_tenants_thing_is_answered_like_none(self):
        for o, theirs, none in self.foreign():
            with self.subTest(o.id):
                answer = self.ask(self.callers["acme"], o, theirs)
                self.assertEqual(self.faceless(answer, theirs), self.faceless(self.ask(self.callers["acme"], o, none), none))
                self.assertIn(answer.status, (404, 412, 422), answer)
        for o, theirs, _ in self.foreign():
            if o.method == "GET":
                with self.subTest(o.id, of="its tenant"):
                    own = theirs if "west" in theirs else self.path(o, "globex")
                    self.assertLess(self.ask(self.callers["globex"], o, own).status, 300, "and it is there")

    def statements(self, asks):
        """Statements that `asks` has run, with calls and rows."""
        seen = "select queryid, calls, rows from pg_stat_statements where userid = (select oid from pg_roles where rolname = 'msphub')"
        before = {row[0]: row for row in self.cluster.sql(seen)}
        for ask in asks:
            ask()
        after = self.cluster.sql(seen)
        return {i: (int(c) - int(before.get(i, (0, 0, 0))[1]), int(r) - int(before.get(i, (0, 0, 0))[2])) for i, c, r in after}

    def test_the_work_does_not_tell_them_apart(self):
        """Both cost the same statements and give as many rows: none, of what is another's. What else runs meanwhile (claims,
        heartbeats) is less than one in four requests."""
        n = 12
        for o, theirs, none in self.foreign():
            if o.method == "GET":
                with self.subTest(o.id):
                    def ask(path):
                        return lambda: self.ask(self.callers["acme"], o, path)
                    work = [self.statements([ask(path)] * n) for path in (theirs, none)]
                    for i in set(work[0]) | set(work[1]):
                        (calls_a, rows_a), (calls_b, rows_b) = (w.get(i, (0, 0)) for w in work)
                        if max(calls_a, calls_b) >= n // 2:
                            text = self.cluster.value(f"select query from pg_stat_statements where queryid = {i}")
                            self.assertLess(abs(calls_a - calls_b), n // 4, text)
                            self.assertLess(abs(rows_a - rows_b), n // 4, text)

    def test_time_does_not_tell_them_apart(self):
        """Medians of requests in turn. The margin is that of a busy machine: the statements above are the sharper witness."""
        for o, theirs, none in self.foreign():
            if o.method == "GET":
                with self.subTest(o.id):
                    took = {theirs: [], none: []}
                    for path in [theirs, none, none, theirs] * 10:
                        begun = time.perf_counter()
                        self.ask(self.callers["acme"], o, path)
                        took[path].append(time.perf_counter() - begun)
                    a, b = map(statistics.median, took.values())
                    self.assertLess(abs(a - b), 0.005 + 0.5 * min(a, b), took)

    def test_another_tenants_cursor(self):
        """Nor one of another list, another filter, nor one that somebody has changed."""
        refused = 0
        for o in operations(lambda o: any(p["name"] == "after" for p in o.parameters)):
            with self.subTest(o.id):
                path = self.path(o, "acme")
                caller = self.platform if o.role == "platform" else self.callers["acme"]
                cursor = self.ok(caller.get(path + "?limit=1"))["next"]
                bad = [(caller, c) for c in ("x", "%3D", "A" * 5000, "e30", "bnVsbA%3D%3D")]
                if cursor:
                    self.ok(caller.get(f"{path}?limit=1&after={cursor}"))
                    other = "/api/v1/alerts" if o.id != "alerts_list" else "/api/v1/assets"
                    self.cursor_refused(caller.get(f"{other}?after={cursor}"))
                    bad += [(caller, cursor[:-4]), (caller, "A" + cursor)]
                    self.forged_cursors(caller, path, cursor)
                    if o.role != "platform":
                        bad.append((self.callers["globex"], cursor))
                        refused += 1
                for http, text in bad:
                    self.cursor_refused(http.get(f"{path}?limit=1&after={text}"))
        self.assertGreaterEqual(refused, 6)

    def forged_cursors(self, caller, path, cursor):
        """Anybody can take a cursor of their own apart. What they make of it is refused or leads to another place of their list."""
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        self.assertEqual(set(place), {"f", "k", "i"})
        for change in ({"k": "x"}, {"k": ""}, {"k": "\x00"}, {"k": "\ud800"}, {"k": "'"}, {"k": "9" * 3000}, {"k": "infinity"}, {"k": None}, {"k": 7}, {"k": []},
                       {"i": -1}, {"i": 0}, {"i": 2**63 - 1}, {"i": -2**63}, {"i": 2**63}, {"i": "1"}, {"i": None}, {"f": 0}, {"f": "x"}):
            text = base64.urlsafe_b64encode(json.dumps({**place, **change}).encode()).decode()
            with self.subTest(path, cursor=str(change)[:40]):
                self.assertIn(caller.get(f"{path}?limit=1&after={urllib.parse.quote(text)}").status, (200, 422))

    def test_another_tenants_idempotency_key(self):
        """Is a key of its own, and so is that of another credential: nobody is given another's answer."""
        again = 0
        for o in operations(lambda o: any(p["name"] == "Idempotency-Key" for p in o.parameters) and o.role != "platform"):
            with self.subTest(o.id):
                def send(http, tenant):
                    body = self.example(o, tenant, "once") if o.body else None
                    return http(o.method, self.path(o, tenant), body, headers={"Idempotency-Key": f"matrix-{o.id}"})
                first = send(self.callers["acme"], "acme")
                others = [send(self.callers["globex"], "globex"), send(self.by_role["admin"], "acme")]
                for answer in others:
                    self.assertIsNone(answer.headers["Idempotency-Replayed"], answer)
                if first.status < 300:
                    second = send(self.callers["acme"], "acme")
                    self.assertEqual((second.status, second.headers["Idempotency-Replayed"], second.body), (first.status, "true", first.body))
                    again += 1
        self.assertGreaterEqual(again, 6)

    def cursor_refused(self, answer):
        self.assertEqual([e["pointer"] for e in self.problem(answer, 422)["errors"]], ["?after"], answer)

    # --- what is sent ---

    def gets_an_answer(self, o, path, raw=None):
        """Documented (processes.py), and not one of a hub in trouble."""
        by_key = any("apiKey" in ways for ways in o.security)
        answer = self.ask(self.platform if by_key else self.sessions["admin"] if o.security else self.hub.http, o, path, raw)
        self.assertLess(answer.status, 500, answer)
        return answer

    def bodies(self):
        for o in (o for o in self.doc.operations if o.body and o.template.startswith("/api/")):
            yield o, self.path(o, "acme"), self.doc.plain(o.body_schema(), False).get("properties", {})

    def test_what_is_no_json_object(self):
        deep = 10_000
        for o, path, properties in self.bodies():
            name = next(iter(properties), "x").encode()
            for raw in (b"{", b"}", b'{"a":}', b"{'a':1}", b'{"a":1,}', b"{a:1}", b"nul", b"\xef\xbb\xbf{}", b"{}{}", b"{} x", b"\x00", b"\xff\xfe{\x00}\x00",
                        b"[]", b'"x"', b"7", b"null", b"true", b"<x/>", b"a=b", b'{"%s":"\xff"}' % name, b'{"%s":"\xc0\x80"}' % name,
                        b'{"%s":"\xed\xa0\x80"}' % name, b'{"%s":"a\x00b"}' % name, b'{"%s":"\\u0000"}' % name, b'{"%s\\u0000":1}' % name,
                        b'{"\xff":1}', b'{"%s":"\\x"}' % name, b'{"%s":"\\u12"}' % name, b'{"%s":01}' % name, b'{"%s":+1}' % name, b'{"%s":NaN}' % name,
                        b'{"%s":-}' % name, b'{"%s":1,"%s":2}' % (name, name), b'{"%s":%s}' % (name, b"[" * deep + b"]" * deep),
                        b'{"%s":%s1%s}' % (name, b'{"a":' * deep, b"}" * deep), b'{"%s":%s' % (name, b"[" * deep)):
                with self.subTest(o.id, raw=raw[:40]):
                    self.problem(self.gets_an_answer(o, path, raw), 400)

    def test_unknown_members(self):
        for o, path, _ in self.bodies():
            for name, pointer in (("nosuch", "/nosuch"), ("__proto__", "/__proto__"), ("a/b~c", "/a~1b~0c"), ("", "/"), ("\U0001f600", "/\U0001f600")):
                with self.subTest(o.id, name=name):
                    problem = self.problem(self.gets_an_answer(o, path, json.dumps({name: 1}).encode()), 422)
                    self.assertIn(pointer, [e["pointer"] for e in problem["errors"]], problem)

    def test_many_members(self):
        """Each would be a fault; the answer stays short, and the hub does not think about it for long."""
        many = json.dumps({f"x{i}": 1 for i in range(20_000)}).encode()
        for o, path, _ in self.bodies():
            with self.subTest(o.id):
                begun = time.monotonic()
                answer = self.gets_an_answer(o, path, many)
                self.assertEqual(len(self.problem(answer, 422)["errors"]), 100)
                self.assertLess(time.monotonic() - begun, 5)
                name = "\U0001f600" * 1000
                self.problem(self.gets_an_answer(o, path, json.dumps({name: 1}, ensure_ascii=False).encode()), 422)

    def test_wrong_values_of_each_member(self):
        """What the schema forbids is refused; what it allows may be taken (processes.py compares)."""
        raws = [b"null", b"true", b"false", b"0", b"-0", b"-1", b"1e400", b"1e-400", b"9223372036854775807", b"9223372036854775808",
                b"-9223372036854775809", b"123456789012345678901234567890", b"0.5", b"1E2", b'""', b'" "', b'"x"', b'"\\ud800"', b'"\\udc00\\ud800"',
                b'"' + b"x" * 300 + b'"', b'"' + b"y" * 1_000_000 + b'"', b'"\\u202e\\u0007"', b"[]", b"[null]", b"[[]]", b'["x"]', b'["x","x"]',
                b"[" + b",".join([b'"x"'] * 2000) + b"]", b"{}", b'{"x":1}', b'{"x":{"y":[]}}', b'{"":""}', b'{"x":"' + b"z" * 100_000 + b'"}']
        for o, path, properties in self.bodies():
            good = json.dumps(self.example(o)).encode()
            for name in properties:
                rest = {k: v for k, v in json.loads(good).items() if k != name}
                for raw in raws:
                    with self.subTest(o.id, member=name, raw=raw[:40]):
                        whole = json.dumps(rest).encode()[:-1] + (b"," if rest else b"") + b'"%s":' % name.encode() + raw + b"}"
                        answer = self.gets_an_answer(o, path, whole)
                        if answer.status == 422 and not any(e["pointer"].startswith("/") for e in answer.json["errors"]):
                            self.fail(f"nothing says which member is wrong: {answer}")
        self.still_good()

    def test_too_large(self):
        for o, path, _ in self.bodies():
            with self.subTest(o.id):
                self.problem(self.gets_an_answer(o, path, b'{"x":"' + b"y" * 1_100_000 + b'"}'), 413)

    def test_query_arguments(self):
        bad = ("", "x", "-1", "0", "1.5", "1e3", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "%00", "a%00b", "%ff", "%ed%a0%80",
               "%F0%9F%98%80", "%", "%zz", "+", "%20", "a" * 5000, "'", "%25", "_", "%5C", "true", "TRUE", "null", "[]", "2026-13-45T99:99:99Z",
               "0000-00-00T00:00:00Z", "294277-01-01T00:00:00Z", "-4714-01-01T00:00:00Z", "infinity", "now", "../..", "%0d%0aX:%20y")
        for o in operations(lambda o: o.taking("query")):
            path = self.path(o, "acme")
            for p in o.taking("query"):
                for value in bad:
                    with self.subTest(o.id, argument=p["name"], value=value[:40]):
                        answer = self.gets_an_answer(o, f"{path}?{p['name']}={value}")
                        self.assertIn(answer.status, (200, 400, 422))
                        if answer.status == 422:
                            self.assertEqual({e["pointer"] for e in answer.json["errors"]}, {"?" + p["name"]}, answer)
                with self.subTest(o.id, argument=p["name"], value="twice"):
                    self.problem(self.gets_an_answer(o, f"{path}?{p['name']}=1&{p['name']}=1"), 422)
            for query in ("nosuch=1", "LIMIT=1", "limit%00=1", "%ff=1", "=1", "a[]=1", "&".join(f"x{i}=1" for i in range(500))):
                with self.subTest(o.id, query=query[:40]):
                    answer = self.gets_an_answer(o, f"{path}?{query}")
                    self.assertIn(answer.status, (400, 422), answer)
        self.still_good()

    def test_header_parameters(self):
        bad = ("x", '"', '""', '"x"', "0", '"0"', '"-1"', '"9223372036854775808"', 'W/"1"', '"1", "2"', ",", "*, *", "a" * 3000, '"' + "1" * 3000 + '"', "\xff\xfe")
        for o in operations(lambda o: o.taking("header")):
            for p in o.taking("header"):
                for value in bad:
                    with self.subTest(o.id, header=p["name"], value=value[:40]):
                        answer = self.platform(o.method, self.path(o), {} if o.body else None, headers={p["name"]: value})
                        self.assertIn(answer.status, (400, 404, 409, 412, 422, 428), answer)
        self.still_good()

    def test_other_methods(self):
        known = {}
        for o in self.doc.operations:
            known.setdefault(o.template, set()).add(o.method)
        for template, methods in known.items():
            example = next(o for o in self.doc.operations if o.template == template)
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
                if method not in methods and (method, "GET" in methods) != ("HEAD", True):
                    with self.subTest(template, method=method):
                        answer = self.hub.http(method, self.path(example))
                        self.assertEqual(answer.status, 405, answer)
                        allowed = set(answer.headers["Allow"].split(", "))
                        self.assertEqual(allowed, methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
            with self.subTest(template, method="OPTIONS"):
                self.assertEqual(self.hub.http("OPTIONS", self.path(example)).status, 204)
            if "GET" in methods:
                with self.subTest(template, method="HEAD"):
                    head, get = (self.platform(method, self.path(example)) for method in ("HEAD", "GET"))
                    self.assertEqual((head.status, head.body, head.headers["Content-Type"]), (get.status, b"", get.headers["Content-Type"]))

    def test_public_arguments(self):
        """Where strangers may ask: whatever they say, they get an answer that is written down."""
        bad = ("", "x", "%00", "%ff", "%ed%a0%80", "a" * 5000, "'", "..%2f..", "%0d%0aSet-Cookie:%20x=y", "https://evil.example/", "//evil.example", "{}")
        for o in (o for o in self.doc.operations if not o.security and (o.taking("query") or o.taking("path"))):
            for p in o.parameters:
                for value in bad:
                    with self.subTest(o.id, argument=p["name"], value=value[:40]):
                        path = self.path(o, "acme", **{p["name"]: value}) + (f"?{p['name']}={value}&{p['name']}={value}" if p["in"] == "query" else "")
                        answer = self.gets_an_answer(o, path)
                        self.assertNotIn("evil", answer.headers.get("Location") or "")
                        self.assertNotIn("x=y", answer.headers.get("Set-Cookie") or "")
        self.still_good()

    def test_path_parameters(self):
        bad = ("0", "-1", "+1", "1.0", "1e3", "9223372036854775807", "9223372036854775808", "x", "%00", "1%00", "%ff", "%ed%a0%80", "%F0%9F%98%80",
               "..", ".", "%2e%2e", "%2F", "..%2f..", "%20", "1%20", "'", "%25", "a" * 4000, "{id}", "null", "ninjaone:", "ninjaone:west:east", ":", "nosuch",
               "ninjaone:" + "a" * 64, "ninjaone:WEST", "NinjaOne")
        for o in operations(lambda o: o.taking("path")):
            for p in o.taking("path"):
                for value in bad:
                    with self.subTest(o.id, argument=p["name"], value=value[:40]):
                        answer = self.gets_an_answer(o, self.path(o, "acme", **{p["name"]: value}))
                        self.assertIn(answer.status, (400, 404, 405, 422), answer)
        self.still_good()

    def test_long_requests(self):
        for tail, statuses in (("?" + "a" * 20_000, (414, 431)), ("/" + "b" * 20_000, (414, 431))):
            self.assertIn(self.platform.get("/api/v1/assets" + tail).status, statuses)
        self.assertIn(self.platform.get("/api/v1/assets", headers={"X-Long": "c" * 20_000}).status, (431,))
        self.still_good()

    def still_good(self):
        self.ok(self.hub.http.get("/api/v1"))
        for caller in self.callers.values():
            self.assertTrue(self.ok(caller.get("/api/v1/assets?limit=1"))["items"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
