"""API keys by REST: their life, what narrows them, rotation, and that every process hears of it."""
import unittest
import zlib

from processes import Hub, Http, eventually
from world import World

KEYS = "/api/v1/api-keys"


class Keys(World):
    @classmethod
    def build(cls):
        super().build()
        cls.other = cls.keep(Hub(cls.cluster, cls.key_file))  # a second process on the same database

    def make(self, **body):
        return self.ok(self.api.post(KEYS, {"name": "flow", "role": "viewer", **body}), 201)

    def with_key(self, key, url=None):
        http = Http(url or self.hub.url, {"Authorization": "Bearer " + key})
        self.addCleanup(http.close)
        return http

    def edit(self, key_id, etag, **body):
        return self.api("PATCH", f"{KEYS}/{key_id}", body, headers={"If-Match": etag} if etag else {})

    def line(self, hub, request_id):
        """The access line of a request; it is written after the answer."""
        return eventually(lambda: next((x for x in hub.process.text().splitlines() if f'"{request_id}"' in x), None), request_id)

    def test_life(self):
        answer = self.api.post(KEYS, {"name": "import", "role": "operator", "expires_at": "2037-01-01T00:00:00Z"})
        made = self.ok(answer, 201)
        self.assertRegex(made["key"], f"^msp_{made['prefix']}_[0-9A-Za-z]{{32}}_[0-9a-f]{{6}}$")
        self.assertEqual(answer.headers["Location"], f"{KEYS}/{made['id']}")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual((made["scopes"], made["addresses"], made["expires_at"]), (None, [], "2037-01-01T00:00:00.000000Z"))
        key = made.pop("key")
        self.assertEqual(self.ok(self.api.get(f"{KEYS}/{made['id']}")), made)
        self.assertIn(made, self.items(KEYS))
        self.assertNotIn(key[13:45], self.cluster.value("select string_agg(k::text, '') from api_keys k"))

        caller = self.with_key(key)
        self.ok(caller.get("/api/v1/assets"))
        self.problem(caller.get(KEYS), 403)  # operators see no keys
        self.assertEqual(self.ok(self.api("DELETE", f"{KEYS}/{made['id']}"), 204), None)
        self.problem(caller.get("/api/v1/assets"), 401)
        self.assertTrue(self.ok(self.api.get(f"{KEYS}/{made['id']}"))["revoked_at"])
        self.ok(self.api("DELETE", f"{KEYS}/{made['id']}"), 204)  # again changes nothing
        self.assertEqual(self.cluster.sql(
            f"select action, actor_kind, address from audit_logs where target_id = {made['id']} and target_type = 'api_key' "
            "order by audit_id"), [["api_key.created", "api_key", "127.0.0.1"], ["api_key.revoked", "api_key", "127.0.0.1"]])

    def test_edits_are_guarded(self):
        made = self.make(name="first")
        path = f"{KEYS}/{made['id']}"
        seen = self.api.get(path)
        etag = seen.headers["ETag"]
        self.assertEqual(self.problem(self.edit(made["id"], None, name="x"), 428)["type"], "/problems/precondition_required")
        edited = self.edit(made["id"], etag, name="second", addresses=["192.0.2.7", "2001:DB8::/32"], scopes=["assets:read"])
        self.assertEqual(self.ok(edited, 200)["addresses"], ["192.0.2.7/32", "2001:db8::/32"])
        self.assertEqual(self.problem(self.edit(made["id"], etag, name="third"), 412)["type"], "/problems/precondition_failed")
        self.assertEqual(self.ok(self.api.get(path))["name"], "second")
        self.assertEqual(self.ok(self.edit(made["id"], edited.headers["ETag"], name="fourth"))["scopes"], ["assets:read"])
        self.assertEqual(self.ok(self.edit(made["id"], "*", scopes=None, addresses=[]))["addresses"], [])
        before, after = self.cluster.sql(f"select before, after from audit_logs where target_id = {made['id']} "
                                         "and action = 'api_key.updated' order by audit_id limit 1")[0]
        self.assertIn('"name": "first"', before)
        self.assertIn('"name": "second"', after)

        again = self.api.get(path)
        self.assertEqual(self.api.get(path, headers={"If-None-Match": again.headers["ETag"]}).status, 304)
        self.assertEqual(self.api.get(path, headers={"If-None-Match": etag}).status, 200)
        self.ok(self.api("DELETE", path), 204)
        self.problem(self.edit(made["id"], "*", name="x"), 409)

    def test_what_is_sent_is_checked(self):
        cases = [
            ({"role": "viewer"}, "/name"), ({"name": "x", "role": "king"}, "/role"), ({"name": "x"}, "/role"),
            ({"name": "x" * 101, "role": "viewer"}, "/name"), ({"name": 7, "role": "viewer"}, "/name"),
            ({"name": "x", "role": "viewer", "scopes": ["assets:read", "nope"]}, "/scopes/1"),
            ({"name": "x", "role": "viewer", "scopes": []}, "/scopes"), ({"name": "x", "role": "viewer", "scopes": "assets:read"}, "/scopes"),
            ({"name": "x", "role": "viewer", "scopes": ["self"]}, "/scopes"),
            ({"name": "x", "role": "viewer", "addresses": ["10.0.0.0/8", "10.0.0.1/8"]}, "/addresses/1"),
            ({"name": "x", "role": "viewer", "addresses": ["10.0.0.1"] * 33}, "/addresses"),
            ({"name": "x", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
            ({"name": "x", "role": "viewer", "expires_at": 5}, "/expires_at"), ({"name": "x", "role": "viewer", "hash": "x"}, "/hash"),
        ]
        for body, pointer in cases:
            problem = self.problem(self.api.post(KEYS, body), 422)
            self.assertIn(pointer, [e["pointer"] for e in problem["errors"]], (body, problem))
        self.problem(self.api.post(KEYS, b'{"name":"a\\u0000b","role":"viewer"}'), 400)
        self.ok(self.api.post(KEYS, b'{"name":"a\\\\u0000b","role":"viewer"}'), 201)  # a backslash, and no NUL
        self.problem(self.api.post(KEYS, b'{"name":"a\xff","role":"viewer"}'), 400)
        problem = self.problem(self.api.get(KEYS + "?limit=1&limit=2"), 422)
        self.assertEqual(problem["errors"], [{"pointer": "?limit", "detail": "is given more than once"}])
        self.problem(self.api.get(f"{KEYS}/999999"), 404)

    def test_nobody_gives_more_than_they_have(self):
        platform = self.new_key("acme", "platform")
        narrow = self.make(role="admin", scopes=["keys:read", "keys:write", "assets:read"])
        caller = self.with_key(narrow["key"])
        self.problem(caller.post(KEYS, {"name": "x", "role": "platform"}), 403)
        self.problem(caller.post(KEYS, {"name": "x", "role": "viewer", "scopes": ["alerts:read"]}), 403)
        self.problem(caller.post(KEYS, {"name": "x", "role": "viewer", "scopes": None}), 403)
        child = self.ok(caller.post(KEYS, {"name": "x", "role": "viewer"}), 201)
        self.assertEqual(child["scopes"], ["assets:read", "keys:read", "keys:write"])  # its maker's
        mine = self.ok(caller.post(KEYS, {"name": "x", "role": "viewer", "scopes": ["assets:read"]}), 201)
        self.problem(caller("PATCH", f"{KEYS}/{mine['id']}", {"scopes": ["alerts:read"]}, headers={"If-Match": "*"}), 403)
        wide = self.make()
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
            self.problem(caller(method, f"{KEYS}/{wide['id']}{path}", {}, headers={"If-Match": "*"}), 403)
        above = next(k for k in self.items(KEYS) if k["prefix"] == platform.split("_")[1])
        self.problem(self.api("DELETE", f"{KEYS}/{above['id']}"), 403)
        self.ok(self.with_key(platform)("DELETE", f"{KEYS}/{above['id']}"), 204)
        narrower = self.with_key(mine["key"])
        self.ok(narrower.get("/api/v1/assets"))
        self.assertEqual(self.problem(narrower.get("/api/v1/alerts"), 403)["type"], "/problems/insufficient_scope")

    def test_a_key_with_an_end_or_a_place_makes_none_without(self):
        there = self.make(role="admin", addresses=["127.0.0.0/8", "2001:db8::/32"])
        short = self.make(role="admin", expires_at="2037-01-01T00:00:00Z")
        wide = self.make()
        for maker, good, bad in (
            (there, [{"addresses": ["127.0.0.1", "2001:db8:7::/48"]}], [{"addresses": None}, {"addresses": []}, {"addresses": ["0.0.0.0/0"]}, {"addresses": ["::/0"]},
                                                                      {"addresses": ["127.0.0.1", "10.0.0.1"]}, {"addresses": ["126.0.0.0/7"]}]),
            (short, [{"expires_at": "2036-12-31T23:59:59Z"}], [{"expires_at": None}, {"expires_at": "2037-01-01T00:00:01Z"}]),
        ):
            caller = self.with_key(maker["key"])
            child = self.ok(caller.post(KEYS, {"name": "x", "role": "viewer"}), 201)
            self.assertEqual((child["addresses"], child["expires_at"]), (maker["addresses"], maker["expires_at"]))  # its maker's
            for change in bad:
                with self.subTest(change):
                    self.problem(caller.post(KEYS, {"name": "x", "role": "viewer", **change}), 403)
                    for key in (maker, child):
                        self.problem(caller("PATCH", f"{KEYS}/{key['id']}", change, headers={"If-Match": "*"}), 403)
            for change in good:
                self.ok(caller("PATCH", f"{KEYS}/{child['id']}", change, headers={"If-Match": "*"}))
            self.problem(caller("PATCH", f"{KEYS}/{wide['id']}", {"name": "y"}, headers={"If-Match": "*"}), 403)
            self.problem(caller.post(f"{KEYS}/{wide['id']}/rotate", {}), 403)  # whose secret would outlive it
            self.ok(caller.post(f"{KEYS}/{maker['id']}/rotate", {}))
        self.ok(self.with_key(short["key"])("DELETE", f"{KEYS}/{wide['id']}"), 204)

    def test_another_tenants_keys_are_not_there(self):
        stranger = self.connect(self.new_tenant("strange", "Strange"))
        mine = self.make()
        for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/rotate", {})):
            self.problem(stranger(method, f"{KEYS}/{mine['id']}{path}", body, headers={"If-Match": "*"}), 404)
        self.assertNotIn(mine["id"], [k["id"] for k in self.ok(stranger.get(KEYS))["items"]])
        self.ok(self.with_key(mine["key"]).get("/api/v1/assets"))

    def test_addresses(self):
        here = self.make(addresses=["127.0.0.0/8"])
        self.ok(self.with_key(here["key"]).get("/api/v1/assets"))
        elsewhere = self.make(addresses=["192.0.2.0/24", "::/64"])
        caller = self.with_key(elsewhere["key"])
        for _ in range(3):
            self.assertEqual(self.problem(caller.get("/api/v1/assets"), 403)["type"], "/problems/address_not_allowed")
        rows = eventually(lambda: self.cluster.sql("select address, target_id from audit_logs where action = 'api_key.address_refused' "
                                                   f"and target_id = {elsewhere['id']}"), "the audit log tells of it")
        self.assertEqual(rows, [["127.0.0.1", str(elsewhere["id"])]])
        self.ok(self.edit(elsewhere["id"], "*", addresses=["127.0.0.1"]))
        self.ok(caller.get("/api/v1/assets"))

    def test_behind_a_proxy(self):
        hub = self.keep(Hub(self.cluster, self.key_file, trusted_proxies="127.0.0.0/8, 10.0.0.0/8"))
        made = self.make(addresses=["192.0.2.7", "2001:db8::/32"])
        caller = self.with_key(made["key"], hub.url)
        for hops, status in (("192.0.2.7", 200), ("198.51.100.1, 192.0.2.7", 200), ("192.0.2.7, 198.51.100.1", 403),
                             ("192.0.2.7, 10.1.2.3 , 127.0.0.2", 200), ("192.0.2.7:4711", 200), ("[2001:db8::5]:443", 200),
                             ("2001:db8::5,10.0.0.1", 200), ("::ffff:192.0.2.7", 200), ("192.0.2.7, unknown", 403), ("", 403),
                             ("192.0.2.7, ", 403), ("10.0.0.1", 403)):
            self.assertEqual(caller.get("/api/v1/assets", headers={"X-Forwarded-For": hops}).status, status, hops)
        self.problem(self.with_key(made["key"]).get("/api/v1/assets", headers={"X-Forwarded-For": "192.0.2.7"}), 403)  # nobody's proxy
        self.ok(caller.get("/api/v1/assets", headers={"X-Forwarded-For": "192.0.2.7", "X-Request-Id": "by-proxy"}))
        self.assertIn('"peer":"192.0.2.7"', self.line(hub, "by-proxy"))
        done = self.hub.command("check-config", "--trusted-proxies", "10.0.0.1/8", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("did you mean 10.0.0.0/8?", done.stderr)

    def test_traces(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        self.ok(self.api.get("/api/v1/assets", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01", "X-Request-Id": "traced"}))
        self.ok(self.api.get("/api/v1/assets", headers={"traceparent": f"00-{trace}-b7ad6b7169203331", "X-Request-Id": "untraced"}))
        lines = {w: self.line(self.hub, w) for w in ("traced", "untraced")}
        self.assertIn(f'"trace_id":"{trace}"', lines["traced"])
        self.assertNotIn(trace, lines["untraced"])
        self.assertRegex(lines["untraced"], '"trace_id":"[0-9a-f]{32}"')

    def test_problems_are_alike(self):
        seen = {}
        for method, path, status in (("GET", "/nothing", 404), ("GET", "/api/v1/assets/0", 404), ("PUT", "/api/v1/assets", 405)):
            problem = self.problem(self.api(method, path), status)
            self.assertEqual(problem["instance"], path)
            self.assertRegex(problem["type"], "^/problems/[a-z_]+$")
            seen[path] = set(problem)
        self.assertEqual(len({frozenset(s) for s in seen.values()}), 1, seen)
        large = self.api.post(KEYS, b'{"name":"' + b"x" * (1 << 20) + b'"}')
        self.assertEqual(self.problem(large, 413)["type"], "/problems/content_too_large")
        self.assertEqual(self.problem(self.api.get("/", headers={"X-Long": "x" * 20000}), 431)["type"],
                         "/problems/request_header_fields_too_large")

    def test_rates(self):
        hub = self.keep(Hub(self.cluster, self.key_file, rate_limit_key=20, rate_limit_tenant=30, rate_limit_wrong=3))
        mine, other = self.with_key(self.make()["key"], hub.url), self.with_key(self.make()["key"], hub.url)
        first = mine.get("/api/v1/assets")
        self.assertEqual(first.headers["RateLimit-Policy"], '"default";q=20;w=60, "tenant";q=30;w=60')
        self.assertEqual(first.headers["RateLimit"], '"default";r=19;t=3')
        statuses = [mine.get("/api/v1/assets").status for _ in range(21)]
        self.assertIn(429, statuses)
        self.assertEqual(statuses[:19], [200] * 19)
        late = next(a for a in iter(lambda: mine.get("/api/v1/assets"), None) if a.status == 429)
        self.assertEqual(self.problem(late, 429)["type"], "/problems/too_many_requests")
        self.assertRegex(late.headers["RateLimit"], '^"default";r=0;t=[0-9]+$')
        self.assertIn(late.headers["Retry-After"], ("1", "2", "3"))
        answers = [other.get("/api/v1/assets") for _ in range(14)]  # of the tenant's 30 some 10 are left
        self.assertEqual(answers[0].status, 200)
        self.assertIn("rate_limit_tenant", self.problem(answers[-1], 429)["detail"])
        self.assertRegex(answers[-1].headers["RateLimit"], '^"tenant";r=0;t=[0-9]+$')
        guess = "msp_aaaaaaaa_" + "b" * 32 + "_"
        guess += f"{zlib.crc32(guess[:-1].encode()) & 0xffffff:06x}"
        guesser = self.with_key(guess, hub.url)
        guesses = [guesser.get("/api/v1/assets") for _ in range(5)]
        self.assertEqual([a.status for a in guesses], [401, 401, 401, 429, 429])
        self.assertEqual(self.problem(guesses[-1], 429)["type"], "/problems/too_many_wrong_credentials")
        self.ok(self.with_key(self.new_tenant("quiet", "Quiet"), hub.url).get("/api/v1/assets"))  # a good key from the same address

    def test_rotation(self):
        made = self.make(addresses=["127.0.0.1"], scopes=["assets:read"])
        old, there = self.with_key(made["key"]), self.with_key(made["key"], self.other.url)
        self.ok(old.get("/api/v1/assets"))
        self.ok(there.get("/api/v1/assets"))
        answer = self.api.post(f"{KEYS}/{made['id']}/rotate", {})
        fresh = self.ok(answer, 200)
        self.assertEqual({k: fresh[k] for k in ("id", "prefix", "scopes", "addresses", "role")},
                         {k: made[k] for k in ("id", "prefix", "scopes", "addresses", "role")})
        self.assertNotEqual(fresh["key"], made["key"])
        self.assertTrue(fresh["previous_valid_until"])
        for http in (old, there, self.with_key(fresh["key"]), self.with_key(fresh["key"], self.other.url)):
            self.ok(http.get("/api/v1/assets"))
        last = self.ok(self.api.post(f"{KEYS}/{made['id']}/rotate", {"overlap": 0}), 200)
        self.assertIsNone(last["previous_valid_until"])
        for key in (made["key"], fresh["key"]):
            eventually(lambda k=key: self.with_key(k, self.other.url).get("/api/v1/assets").status == 401, "the other process hears", 1)
            self.problem(self.with_key(key).get("/api/v1/assets"), 401)
        self.ok(self.with_key(last["key"], self.other.url).get("/api/v1/assets"))
        self.assertEqual(self.problem(self.api.post(f"{KEYS}/{made['id']}/rotate", {"overlap": -1}), 422)["errors"][0]["pointer"], "/overlap")
        self.assertEqual(self.cluster.value(f"select count(*) from audit_logs where action = 'api_key.rotated' and target_id = {made['id']}"), "2")

    def test_last_use(self):
        made = self.make()
        self.assertEqual((made["last_used_at"], made["last_used_address"]), (None, None))
        etag = self.api.get(f"{KEYS}/{made['id']}").headers["ETag"]
        self.ok(self.with_key(made["key"]).get("/api/v1/assets"))
        used = eventually(lambda: (lambda k: k if k["last_used_at"] else None)(self.ok(self.api.get(f"{KEYS}/{made['id']}"))), "its use is noted")
        self.assertEqual(used["last_used_address"], "127.0.0.1")
        self.ok(self.edit(made["id"], etag, name="renamed"))  # being used is no edit

    def test_revoked_in_another_process(self):
        made = self.make()
        caller = self.with_key(made["key"], self.other.url)
        self.ok(caller.get("/api/v1/assets"))
        self.ok(self.api("DELETE", f"{KEYS}/{made['id']}"), 204)
        eventually(lambda: caller.get("/api/v1/assets").status == 401, "the other process refuses it", 1)

    def test_command_line(self):
        def command(*argv, check=True):
            return self.hub.command("api-key", *argv, "--tenant", "acme", check=check)
        key = command("create", "--role", "operator", "--scopes", "assets:read,alerts:read", "--addresses", "127.0.0.1,10.0.0.0/8",
                      "--expires", "2037-01-01").stdout.split()
        key_id, text = int(key[1].rstrip(";")), key[-1]
        seen = self.ok(self.api.get(f"{KEYS}/{key_id}"))
        self.assertEqual((seen["scopes"], seen["addresses"], seen["expires_at"]),
                         (["assets:read", "alerts:read"], ["127.0.0.1/32", "10.0.0.0/8"], "2037-01-01T00:00:00.000000Z"))
        self.ok(self.with_key(text).get("/api/v1/assets"))
        fresh = command("rotate", str(key_id), "--overlap", "0").stdout.split()[-1]
        self.ok(self.with_key(fresh).get("/api/v1/assets"))
        eventually(lambda: self.with_key(text).get("/api/v1/assets").status == 401, "the former secret ends", 1)
        command("revoke", str(key_id))
        eventually(lambda: self.with_key(fresh).get("/api/v1/assets").status == 401, "the key ends", 1)
        self.assertEqual(self.cluster.value(f"select distinct actor_kind from audit_logs where target_id = {key_id} "
                                            "and target_type = 'api_key'"), "cli")
        for flags, word in ((("--scopes", "assets:write2"), "scope"), (("--addresses", "10.0.0.1/8"), "did you mean 10.0.0.0/8"),
                            (("--expires", "soon"), "no time"), (("--role", "king"), "role")):
            done = command("create", *flags, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
