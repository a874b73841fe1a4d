"""Bearer tokens of the tenants' identity providers: what is accepted, as whom, and everything that must not be."""
import json
import time
import unittest

from oidc_provider import Key, Provider, hmac_token, token, unsigned
from processes import Http, Hub, eventually
from world import World


class Providers(World):
    hub_options = {"issuer_timeout": "2s", "issuer_refetch": "300ms", "reuse_port": "yes"}

    @classmethod
    def build(cls):
        super().build()
        cls.other = cls.connect(cls.new_tenant("globex", "Globex MSP"))
        cls.idp = cls.keep(Provider())

    def setUp(self):
        self.idp.heal()
        self.idp.keys = [Key(self.id())]  # an issuer's keys outlive a test
        for api in (self.api, self.other):
            for p in self.ok(api.get("/api/v1/identity-providers"))["items"]:
                self.ok(api("DELETE", f"/api/v1/identity-providers/{p['id']}", headers={"If-Match": "*"}))

    def make(self, api=None, **changes):
        body = {"name": "corp", "issuer": self.idp.issuer, "audiences": ["msphub-acme"], "bearer": True, "role_claim": "roles",
                "role_map": {"readers": "viewer", "technicians": "operator", "boss": "admin"}}
        body.update(changes)
        made = self.ok((api or self.api).post("/api/v1/identity-providers", body), 201)
        return made

    def edit(self, made, api=None, **changes):
        path = f"/api/v1/identity-providers/{made['id']}"
        api = api or self.api
        etag = api.get(path).headers["ETag"]
        return self.ok(api("PATCH", path, changes, headers={"If-Match": etag}))

    def with_token(self, text, path="/api/v1/assets", method="GET", url=None):
        http = Http(url or self.hub.url, {"Authorization": "Bearer " + text})
        try:
            return http(method, path)
        finally:
            http.close()

    def takes(self, text):
        self.ok(self.with_token(text))

    def takes_in_the_end(self, make):
        """With keys that the hub has yet to fetch."""
        eventually(lambda: self.with_token(make()).status == 200, "the keys are known")

    def refuses(self, text, status=401):
        answer = self.with_token(text)
        problem = self.problem(answer, status)
        if status == 401:
            self.assertIn("invalid_token", answer.headers["WWW-Authenticate"])
        return problem


class Bearer(Providers):
    def test_each_algorithm_and_the_tenant_of_the_audience(self):
        self.configure_ninja()
        self.sync()
        self.make()
        self.make(self.other, audiences=["msphub-globex"])
        self.idp.keys = [Key("e"), Key("r", "RS256"), Key("d", "EdDSA")]
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme"))
        for key in self.idp.keys:
            with self.subTest(key.alg):
                mine = self.with_token(self.idp.bearer("msphub-acme", key))
                theirs = self.with_token(self.idp.bearer(["x", "msphub-globex"], key))
                self.assertTrue(self.ok(mine)["items"])
                self.assertEqual(self.ok(theirs)["items"], [])
        asset = self.items("/api/v1/assets?limit=1")[0]["id"]
        self.problem(self.with_token(self.idp.bearer("msphub-globex"), f"/api/v1/assets/{asset}"), 404)
        self.refuses(self.idp.bearer(["msphub-acme", "msphub-globex"]))  # whose is it?

    def test_forged_and_stale_tokens(self):
        self.make()
        good = self.idp.bearer("msphub-acme")
        self.takes_in_the_end(lambda: good)
        now, key, claims = int(time.time()), self.idp.keys[0], self.idp.claims(aud="msphub-acme")
        stranger = Key(key.kid)
        bad = {
            "none": unsigned(claims),
            "hmac with the public PEM": hmac_token(key.pem(), key.kid, claims),
            "hmac with the JWK": hmac_token(json.dumps(key.jwk()).encode(), key.kid, claims),
            "another's key": token(stranger, claims),
            "a key that came along": token(stranger, claims, {"jwk": stranger.jwk()}),
            "another algorithm": token(key, claims, {"alg": "RS256"}),
            "an unknown key": token(key, claims, {"kid": "nobody"}),
            "crit": token(key, claims, {"crit": ["exp"]}),
            "a logout token": token(key, claims, {"typ": "logout+jwt"}),
            "expired": token(key, {**claims, "exp": now - 61}),
            "never expires": token(key, {k: v for k, v in claims.items() if k != "exp"}),
            "not yet valid": token(key, {**claims, "nbf": now + 120}),
            "issued in the future": token(key, {**claims, "iat": now + 120}),
            "wrong audience": token(key, {**claims, "aud": "msphub-globex"}),
            "no audience": token(key, {k: v for k, v in claims.items() if k != "aud"}),
            "wrong issuer": token(key, {**claims, "iss": self.idp.issuer + "/"}),
            "no subject": token(key, {k: v for k, v in claims.items() if k != "sub"}),
            "cut": good[:-1],
            "padded": good + "=",
            "another signature": good[:good.rindex(".")] + token(key, {**claims, "sub": "x"})[-87:],
        }
        for what, text in bad.items():
            with self.subTest(what):
                self.refuses(text)
        self.takes(good)

    def test_roles(self):
        made = self.make()
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme"))
        post = "/api/v1/integrations/ninjaone/deliveries/replay-dead"
        self.problem(self.with_token(self.idp.bearer("msphub-acme", roles=["readers"]), post, "POST"), 403)
        self.problem(self.with_token(self.idp.bearer("msphub-acme", roles=["technicians"]), "/api/v1/identity-providers"), 403)
        self.ok(self.with_token(self.idp.bearer("msphub-acme", roles=["readers", "boss", "nobody"]), "/api/v1/identity-providers"))
        for roles in ([], ["nobody"], "nobody", None, 7, {"boss": 1}, [["boss"]], "platform"):
            with self.subTest(roles):
                problem = self.refuses(self.idp.bearer("msphub-acme", roles=roles), 403)
                self.assertIn("roles", problem["detail"])
        self.edit(made, role_claim="/realm/a~1b", default_role="viewer")
        self.ok(self.with_token(self.idp.bearer("msphub-acme", realm={"a/b": "boss"}), "/api/v1/identity-providers"))
        self.problem(self.with_token(self.idp.bearer("msphub-acme", realm={"a": "boss"}), "/api/v1/identity-providers"), 403)
        self.takes(self.idp.bearer("msphub-acme", roles=None))

    def test_who_did_it_is_in_the_audit_log(self):
        self.make()
        text = self.idp.bearer("msphub-acme", roles=["boss"])
        self.takes_in_the_end(lambda: text)
        http = Http(self.hub.url, {"Authorization": "Bearer " + text})
        self.addCleanup(http.close)
        self.ok(http.post("/api/v1/identity-providers", {"name": "second", "issuer": self.idp.issuer, "default_role": "viewer"}), 201)
        row = self.cluster.sql("select actor_kind, actor from audit_logs where action = 'identity_provider.created' "
                               "and target = 'second'")[0]
        self.assertEqual(row, ["token", "corp/p-1 (ada@example.org)"])

    def test_rotation(self):
        self.make()
        old, new = self.idp.keys[0], Key("k2")
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme"))
        self.idp.keys = [new, old]
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme", new))
        self.takes(self.idp.bearer("msphub-acme", old))
        self.idp.keys = [Key("k3")]
        kept = self.idp.bearer("msphub-acme", old)
        self.takes(kept)
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme"))
        self.refuses(kept)  # also the token that was accepted a moment ago
        self.refuses(self.idp.bearer("msphub-acme", new))

    def test_invented_keys_are_no_flood_of_fetches(self):
        self.make()
        self.takes_in_the_end(lambda: self.idp.bearer("msphub-acme"))
        claims = self.idp.claims(aud="msphub-acme")
        before, begun = self.idp.count("/jwks"), time.monotonic()
        for i in range(200):
            self.assertEqual(self.with_token(token(self.idp.keys[0], claims, {"kid": f"invented-{i}"})).status, 401)
        allowed = (time.monotonic() - begun) / 0.3 + 2
        self.assertLessEqual(self.idp.count("/jwks") - before, allowed)

    def test_an_issuer_that_is_away(self):
        for fault in ("500", "html", "drop", "silence", "redirect", "large"):
            with self.subTest(fault):
                idp = Provider()
                self.addCleanup(idp.close)
                self.make(name="away-" + fault, issuer=idp.issuer)
                idp.faults = {"/jwks": fault}
                problem = self.refuses(idp.bearer("msphub-acme"), 503)
                self.assertIn(idp.issuer, problem["detail"])
                for _ in range(50):
                    self.with_token(idp.bearer("msphub-acme"))
                self.assertLess(idp.count("/jwks"), 20)
                idp.heal()
                eventually(lambda: self.with_token(idp.bearer("msphub-acme")).status == 200, "the issuer is back")
                idp.faults = {"/jwks": fault, "/.well-known/openid-configuration": "500"}
                self.refuses(token(idp.keys[0], idp.claims(aud="msphub-acme"), {"kid": "k7"}))
                self.takes(idp.bearer("msphub-acme"))  # by the keys that are known

    def test_metadata_of_another(self):
        for what, said in {"issuer": {"issuer": "http://127.0.0.1/"}, "jwks_uri": {"jwks_uri": "file:///etc/passwd"},
                           "none": {"jwks_uri": None}, "credentials": {"jwks_uri": "http://a:b@127.0.0.1/"}}.items():
            with self.subTest(what):
                made = self.make(name="x" + what.replace("_", "-"), audiences=["aud-" + what])
                self.idp.faults = {"metadata": said}
                tried = self.ok(self.api.post(f"/api/v1/identity-providers/{made['id']}/test"))
                self.assertFalse(tried["ok"], tried)
                self.assertTrue(tried["message"])
        self.idp.heal()
        tried = self.ok(self.api.post(f"/api/v1/identity-providers/{made['id']}/test"))
        self.assertTrue(tried["ok"], tried)
        self.assertEqual((tried["keys"], tried["keys_left_out"]), (1, 1))

    def test_switched_off_is_off_in_every_process(self):
        made = self.make()
        second = Hub(self.cluster, self.key_file, **self.hub_options)
        self.addCleanup(second.close)
        text = self.idp.bearer("msphub-acme")
        self.takes_in_the_end(lambda: text)
        self.assertEqual(self.with_token(text, url=second.url).status, 200)
        for off, on in (({"enabled": False}, {"enabled": True}), ({"bearer": False}, {"bearer": True}),
                        ({"audiences": ["else"]}, {"audiences": ["msphub-acme"]})):
            with self.subTest(off):
                self.edit(made, **off)
                eventually(lambda: all(self.with_token(text, url=u).status == 401 for u in (self.hub.url, second.url)), "it is off",
                           deadline=1)
                self.edit(made, **on)
                eventually(lambda: all(self.with_token(text, url=u).status == 200 for u in (self.hub.url, second.url)), "it is on",
                           deadline=1)
        self.make(self.other, audiences=["msphub-globex"])
        text = self.idp.bearer("msphub-globex")
        eventually(lambda: all(self.with_token(text, url=u).status == 200 for u in (self.hub.url, second.url)), "the other is known")
        self.hub.command("tenant", "suspend", "globex")
        self.addCleanup(self.hub.command, "tenant", "resume", "globex")
        eventually(lambda: all(self.with_token(text, url=u).status == 401 for u in (self.hub.url, second.url)), "the tenant is suspended",
                   deadline=1)


class Configuration(Providers):
    """The resource itself."""

    def test_life(self):
        made = self.make(client_id="c", client_secret="very-secret-value", sign_in=True)
        self.assertEqual(made["client_secret"], "****")
        path = f"/api/v1/identity-providers/{made['id']}"
        answer = self.api.get(path)
        self.assertEqual(answer.json, made)
        self.assertNotIn("very-secret", json.dumps(self.ok(self.api.get("/api/v1/identity-providers"))))
        self.assertEqual(self.api.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status, 304)
        self.problem(self.api("PATCH", path, {"display_name": "x"}), 428)
        changed = self.ok(self.api("PATCH", path, {"display_name": "Corp", "client_secret": "****"}, headers={"If-Match": answer.headers["ETag"]}))
        self.assertEqual((changed["display_name"], changed["client_secret"], changed["version"]), ("Corp", "****", 2))
        self.problem(self.api("PATCH", path, {"display_name": "y"}, headers={"If-Match": answer.headers["ETag"]}), 412)
        self.problem(self.api("DELETE", path, headers={"If-Match": answer.headers["ETag"]}), 412)
        self.problem(self.other.get(path), 404)
        self.problem(self.other("PATCH", path, {"enabled": False}, headers={"If-Match": "*"}), 404)
        self.problem(self.other("DELETE", path, headers={"If-Match": "*"}), 404)
        self.problem(self.other.post(path + "/test"), 404)
        stored = self.cluster.value("select client_secret from identity_providers")
        self.assertTrue(stored.startswith("v1:k1:"))
        self.assertNotIn("very-secret", self.cluster.value("select string_agg(a::text, '') from audit_logs a"))
        self.assertIsNone(self.edit(made, client_secret=None)["client_secret"])
        self.assertEqual(self.api("DELETE", path, headers={"If-Match": "*"}).status, 204)
        self.problem(self.api.get(path), 404)
        actions = [r[0] for r in self.cluster.sql("select action from audit_logs where target_type = 'identity_provider' order by audit_id")]
        self.assertEqual(actions[-4:], ["identity_provider.created", "identity_provider.updated", "identity_provider.updated",
                                        "identity_provider.deleted"])

    def test_what_is_wrong_is_told(self):
        base = {"name": "x", "issuer": self.idp.issuer, "default_role": "viewer"}
        wrong = {
            "/name": ({"name": ""}, {"name": "-x"}, {"name": "X"}, {"name": "x" * 64}, {"name": 7}, {"name": "a/b"}),
            "/issuer": ({"issuer": ""}, {"issuer": "ftp://x"}, {"issuer": self.idp.issuer + "?x=1"}, {"issuer": "http://a:b@c"},
                        {"issuer": "http://a b"}, {"issuer": None}, {"issuer": "http://x#y"}),
            "/role_map": ({"role_map": {"a": "platform"}}, {"role_map": {"a": 7}}, {"role_map": ["viewer"]}, {"default_role": None},
                          {"role_map": {str(i): "viewer" for i in range(101)}}, {"role_map": {"": "viewer"}}),
            "/default_role": ({"default_role": "platform"}, {"default_role": "public"}, {"default_role": 1}),
            "/audiences": ({"bearer": True}, {"audiences": "x"}, {"audiences": [""]}, {"audiences": ["x" * 257]},
                           {"audiences": [str(i) for i in range(21)]}, {"audiences": ["a\nb"]}),
            "/client_id": ({"sign_in": True}, {"client_id": 7}),
            "/client_secret": ({"client_secret": "****"}, {"client_secret": 7}, {"client_secret": "a\u0001"}),
            "/scopes": ({"scopes": ["email"]}, {"scopes": ["openid", "a b"]}, {"scopes": 1}),
            "/email_domains": ({"email_domains": ["EXAMPLE.org"]}, {"email_domains": ["nodot"]}, {"email_domains": [".org"]}),
            "/enabled": ({"enabled": "yes"},),
            "/colour": ({"colour": "red"},),
        }
        for pointer, changes in wrong.items():
            for change in changes:
                with self.subTest(str(change)[:60]):
                    problem = self.problem(self.api.post("/api/v1/identity-providers", {**base, **change}), 422)
                    self.assertIn(pointer, [e["pointer"] for e in problem["errors"]])
        self.assertEqual(self.ok(self.api.get("/api/v1/identity-providers"))["items"], [])

    def test_an_audience_is_one_providers(self):
        made = self.make()
        self.problem(self.other.post("/api/v1/identity-providers", {"name": "thief", "issuer": self.idp.issuer, "default_role": "admin",
                                                                    "audiences": ["msphub-acme"], "bearer": True}), 409)
        theirs = self.make(self.other, audiences=["msphub-globex"])
        path = f"/api/v1/identity-providers/{theirs['id']}"
        problem = self.problem(self.other("PATCH", path, {"audiences": ["msphub-acme"]}, headers={"If-Match": "*"}), 409)
        self.assertIn("audience", problem["type"])
        self.edit(theirs, self.other, bearer=False, audiences=["msphub-acme"])
        self.problem(self.other("PATCH", path, {"bearer": True}, headers={"If-Match": "*"}), 409)
        self.edit(made, enabled=False)
        self.edit(theirs, self.other, bearer=True)
        self.problem(self.api("PATCH", f"/api/v1/identity-providers/{made['id']}", {"enabled": True}, headers={"If-Match": "*"}), 409)

    def test_a_secret_stays_with_its_issuer(self):
        made = self.make(client_id="c", client_secret="very-secret-value")
        path = f"/api/v1/identity-providers/{made['id']}"
        problem = self.problem(self.api("PATCH", path, {"issuer": "http://127.0.0.1:9/"}, headers={"If-Match": "*"}), 422)
        self.assertEqual(problem["errors"][0]["pointer"], "/client_secret")
        self.problem(self.api("PATCH", path, {"name": "else"}, headers={"If-Match": "*"}), 422)

    def test_at_most_so_many(self):
        for i in range(20):
            self.make(name=f"p{i}", bearer=False)
        self.problem(self.api.post("/api/v1/identity-providers", {"name": "p20", "issuer": self.idp.issuer, "default_role": "viewer"}), 409)
        self.assertEqual(len(self.items("/api/v1/identity-providers?limit=7")), 20)

    def test_taken_name(self):
        self.make()
        self.problem(self.api.post("/api/v1/identity-providers", {"name": "corp", "issuer": self.idp.issuer, "default_role": "viewer"}), 409)


if __name__ == "__main__":
    unittest.main(verbosity=2)
