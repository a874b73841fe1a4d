"""Signing in with the tenant's identity provider: the whole way there and back, and every way in which it must fail."""
import threading
import time
import unittest
import urllib.parse

from oidc_provider import Key, Provider, hmac_token, token, unsigned
from processes import Http, Hub, eventually
from world import World

FLOW, SESSION = "__Host-msphub_oidc", "__Host-msphub_session"


class Browser:
    """Cookies, and no redirect followed by itself."""

    def __init__(self, url):
        self.http, self.cookies = Http(url), {}

    def get(self, path, **kw):
        headers = {"User-Agent": "flow"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.http.get(path, headers=headers, **kw)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            pair, *attributes = cookie.split("; ")
            name, value = pair.split("=", 1)
            assert {"Path=/", "Secure", "HttpOnly"} <= set(attributes) and name.startswith("__Host-"), cookie
            assert not any(a.startswith("Domain") for a in attributes), cookie
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def close(self):
        self.http.close()


def path_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.path + ("?" + parts.query if parts.query else "")


class SignIn(World):
    hub_options = {"issuer_timeout": "2s", "issuer_refetch": "300ms", "reuse_port": "yes"}

    @classmethod
    def build(cls):
        super().build()
        cls.other = cls.connect(cls.new_tenant("globex", "Globex MSP"))

    def setUp(self):
        self.idp = Provider()
        self.addCleanup(self.idp.close)
        self.idp.redirect_uris = {self.hub.url.rstrip("/") + f"/auth/oidc/{who}/callback" for who in ("acme/corp", "acme/second", "globex/corp")}
        self.cluster.sql("delete from identity_providers; delete from users")
        self.made = self.make()

    def make(self, api=None, **changes):
        body = {"name": "corp", "issuer": self.idp.issuer, "client_id": self.idp.client_id, "client_secret": self.idp.client_secret,
                "sign_in": True, "role_map": {"readers": "viewer", "technicians": "operator", "boss": "admin"}}
        body.update(changes)
        return self.ok((api or self.api).post("/api/v1/identity-providers", body), 201)

    def edit(self, **changes):
        return self.ok(self.api("PATCH", f"/api/v1/identity-providers/{self.made['id']}", changes, headers={"If-Match": "*"}))

    def browser(self, url=None):
        browser = Browser(url or self.hub.url)
        self.addCleanup(browser.close)
        return browser

    def begin(self, browser, return_to="/console/assets?x=1", path="/auth/oidc/acme/corp"):
        answer = browser.get(path + "?return_to=" + urllib.parse.quote(return_to, safe=""))
        self.assertEqual(answer.status, 302, answer)
        self.assertIn(FLOW, browser.cookies)
        return answer.headers["Location"]

    def at_the_issuer(self, location):
        """What the person does there; gives where the browser is sent back to."""
        self.assertTrue(location.startswith(self.idp.issuer + "/authorize?realm=x&"), location)
        there = Http(self.idp.issuer)
        self.addCleanup(there.close)
        answer = there.get(path_of(location))
        self.assertEqual(answer.status, 302, answer)
        return path_of(answer.headers["Location"])

    def sign_in(self, browser=None, **kw):
        browser = browser or self.browser()
        answer = browser.get(self.at_the_issuer(self.begin(browser, **kw)))
        self.assertNotIn(FLOW, browser.cookies)
        return browser, answer

    def opened(self, browser=None, **kw):
        browser, answer = self.sign_in(browser, **kw)
        self.assertEqual(answer.status, 302, answer)
        return browser, answer

    def refused(self, reason, status, browser=None, audited=True, **kw):
        before = self.refusals()
        browser, answer = self.sign_in(browser, **kw)
        problem = self.problem(answer, status)
        self.assertEqual(problem["type"], "/problems/sign_in_" + reason, problem)
        self.assertNotIn(SESSION, browser.cookies)
        if audited:
            eventually(lambda: self.refusals() == before + 1, "the refusal is in the audit log")
            row = self.cluster.sql("select actor_kind, target, after ->> 'reason', after ->> 'method' from audit_logs "
                                   "where action = 'session.refused' order by audit_id desc limit 1")[0]
            self.assertEqual(row, ["system", "corp", reason, "oidc"])
        return problem

    def refusals(self):
        return int(self.cluster.value("select count(*) from audit_logs where action = 'session.refused'"))

    def users(self):
        return self.cluster.sql("select email, role, external_subject, display_name from users order by user_id")

    # --- the good way ---
    def test_signing_in(self):
        browser, answer = self.opened()
        self.assertEqual(answer.headers["Location"], "/console/assets?x=1")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(self.users(), [["ada@example.org", "operator", "p-1", "Ada"]])
        self.assertEqual(self.cluster.value("select method from sessions"), "oidc")
        self.assertEqual(self.cluster.value("select after ->> 'method' from audit_logs where action = 'session.opened' "
                                            "order by audit_id desc limit 1"), "oidc")
        self.assertEqual(browser.get("/api/v1/assets").status, 200)
        first = browser.cookies[SESSION]
        browser, _ = self.opened(browser)
        self.assertNotEqual(browser.cookies[SESSION], first)
        self.assertEqual(len(self.users()), 1)

    def test_ways_of_a_client(self):
        for methods in (["client_secret_post"], ["private_key_jwt", "client_secret_basic"], None):
            self.idp.methods = methods
            self.assertTrue(self.ok(self.api.post(f"/api/v1/identity-providers/{self.made['id']}/test"))["ok"])
            self.opened()
        self.edit(client_secret=None)
        self.refused("issuer", 403, audited=False)  # the issuer wants the secret
        self.idp.client_secret = None
        self.opened()

    def test_the_role_follows(self):
        for roles, role in (["boss"], "admin"), (["readers"], "viewer"), (["readers", "boss"], "admin"), ("technicians", "operator"):
            self.idp.person["roles"] = roles
            browser, _ = self.opened()
            self.assertEqual(self.users()[0][1], role)
            self.assertEqual(browser.get("/api/v1/identity-providers").status, 200 if role == "admin" else 403)
        self.idp.person["roles"] = ["nobody"]
        self.assertIn("roles", self.refused("no_role", 403)["detail"])
        self.edit(default_role="viewer")
        self.opened()
        self.assertEqual(self.users()[0][1], "viewer")

    def test_return_to_stays_here(self):
        browser = self.browser()
        for evil in ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "evil", "\\\\evil", "/a\r\nSet-Cookie: x=y",
                     "/a b", "/\t/evil.example", "/" + "x" * 600, "/\u00e4", ""):
            with self.subTest(evil):
                answer = browser.get("/auth/oidc/acme/corp?return_to=" + urllib.parse.quote(evil, safe=""))
                if evil:
                    self.problem(answer, 400)
                else:
                    self.assertEqual(answer.status, 302)
        for good in ("/", "/console", "/a?b=//c", "/a#b", "/%2F%2Fevil"):
            with self.subTest(good):
                _, answer = self.opened(return_to=good)
                self.assertEqual(answer.headers["Location"], good)

    # --- the browser's part ---
    def test_state(self):
        browser, stranger = self.browser(), self.browser()
        back = self.at_the_issuer(self.begin(browser))
        problem = self.problem(stranger.get(back), 400)  # whoever is sent another's answer
        self.assertEqual(problem["type"], "/problems/sign_in_state")
        self.begin(stranger)
        self.problem(stranger.get(back), 400)
        self.problem(browser.get(back.replace("state=", "state=x")), 400)
        self.problem(browser.get(back), 400)  # its cookie went with the wrong one
        browser, _ = self.opened()
        for path in ("/auth/oidc/acme/corp/callback", "/auth/oidc/acme/corp/callback?code=x", "/auth/oidc/acme/corp/callback?state=x&code=y"):
            self.problem(self.browser().get(path), 400)
        for cookie in ("x", "v1:k1:AAAA", "v2:k1:", "=" * 100):
            with self.subTest(cookie):
                forger = self.browser()
                forger.cookies[FLOW] = cookie
                self.problem(forger.get("/auth/oidc/acme/corp/callback?state=x&code=y"), 400)

    def test_no_provider_gets_the_code_of_another(self):
        """An admin of globex sets up an issuer of their own, and has its visitors end a sign-in at acme's issuer, which says no iss."""
        self.idp.faults["metadata"] = {"authorization_response_iss_parameter_supported": None}
        evil = Provider()
        self.addCleanup(evil.close)
        evil.faults["metadata"] = {"authorization_response_iss_parameter_supported": None}
        self.make(self.other, issuer=evil.issuer)
        theirs = urllib.parse.parse_qs(urllib.parse.urlsplit(self.begin(self.browser())).query)  # the attacker's own, to use the code in
        victim = self.browser()
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(self.begin(victim, path="/auth/oidc/globex/corp")).query)["state"][0]
        forwarded = {name: values[0] for name, values in theirs.items()} | {"state": state}
        back = self.at_the_issuer(self.idp.issuer + "/authorize?" + urllib.parse.urlencode(forwarded))
        problem = self.problem(victim.get(back[:back.index("&iss=")]), 400)
        self.assertEqual(problem["type"], "/problems/sign_in_state")
        self.assertEqual(evil.count("/token"), 0)
        self.assertNotIn(SESSION, victim.cookies)

    def test_replay(self):
        self.idp.reuse_codes = True  # an issuer that does not look
        browser = self.browser()
        back = self.at_the_issuer(self.begin(browser))
        cookie = browser.cookies[FLOW]
        self.assertEqual(browser.get(back).status, 302)
        second = Hub(self.cluster, self.key_file, **self.hub_options)
        self.addCleanup(second.close)
        for url in (self.hub.url, second.url):
            again = self.browser(url)
            again.cookies[FLOW] = cookie
            self.assertEqual(self.problem(again.get(back), 400)["type"], "/problems/sign_in_state")
            self.assertNotIn(SESSION, again.cookies)
        self.assertEqual(self.cluster.value("select count(*) from sessions"), "1")

    def test_many_at_once_are_one(self):
        self.idp.reuse_codes = True
        browser = self.browser()
        back = self.at_the_issuer(self.begin(browser))
        statuses = []

        def arrive():
            one = Browser(self.hub.url)
            one.cookies = dict(browser.cookies)
            statuses.append(one.get(back).status)
            one.close()
        threads = [threading.Thread(target=arrive) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(statuses), [302] + [400] * 7)

    def test_answers_at_the_ceiling(self):
        backs = []
        for _ in range(80):
            browser = self.browser()
            backs.append((browser, self.at_the_issuer(self.begin(browser))))
        self.idp.faults = {"/token": "silence"}
        threads = [threading.Thread(target=lambda b=b, p=p: setattr(b, "answer", b.get(p))) for b, p in backs]
        for t in threads:
            t.start()
        answered = lambda: [b.answer for b, _ in backs if hasattr(b, "answer")]
        busy = lambda: [a for a in answered() if a.json["type"] == "/problems/sign_in_busy"]
        eventually(busy, "as many wait for the issuer as a tenant may have")
        other = Provider()  # another tenant's people are not kept out
        self.addCleanup(other.close)
        other.redirect_uris = self.idp.redirect_uris
        self.make(self.other, issuer=other.issuer)
        elsewhere = self.browser()
        there = Http(other.issuer)
        self.addCleanup(there.close)
        back = there.get(path_of(self.begin(elsewhere, path="/auth/oidc/globex/corp"))).headers["Location"]
        self.assertEqual(elsewhere.get(path_of(back)).status, 302)
        for t in threads:
            t.join()
        self.assertEqual(len(answered()), len(backs))
        for answer in busy():
            self.problem(answer, 503)
            self.assertTrue(answer.headers["Retry-After"])
        self.idp.heal()
        self.opened()

    def test_the_same_person_twice_at_once(self):
        backs = []
        for _ in range(6):
            browser = self.browser()
            backs.append((browser, self.at_the_issuer(self.begin(browser))))
        threads = [threading.Thread(target=lambda b=b, p=p: setattr(b, "answer", b.get(p))) for b, p in backs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([b.answer.status for b, _ in backs], [302] * 6)
        self.assertEqual(len(self.users()), 1)

    def test_begun_in_one_process_ended_in_another(self):
        second = Hub(self.cluster, self.key_file, **self.hub_options)
        self.addCleanup(second.close)
        browser = self.browser()
        back = self.at_the_issuer(self.begin(browser))
        there = self.browser(second.url)
        there.cookies = browser.cookies
        self.assertEqual(there.get(back).status, 302)

    # --- the issuer's part ---
    def test_id_tokens_that_do_not_count(self):
        now, key = int(time.time()), self.idp.keys[0]
        stranger = Key(key.kid)
        changes = {
            "nonce": {"nonce": "x" * 43}, "no nonce": {"nonce": None}, "issuer": {"iss": self.idp.issuer + "/"}, "audience": {"aud": "else"},
            "azp": {"azp": "else"}, "several audiences, no azp": {"aud": [self.idp.client_id, "else"]}, "expired": {"exp": now - 61},
            "never expires": {"exp": None}, "not yet valid": {"nbf": now + 120}, "of the future": {"iat": now + 120}, "no subject": {"sub": None},
            "at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        }
        for what, change in changes.items():
            with self.subTest(what):
                self.idp.changes = change
                self.refused("token", 403)
        self.idp.heal()
        signers = {
            "none": lambda k, c: unsigned(c), "hmac with the public key": lambda k, c: hmac_token(k.pem(), k.kid, c),
            "another's key": lambda k, c: token(stranger, c), "an unknown key": lambda k, c: token(k, c, {"kid": "nobody"}),
            "an access token": lambda k, c: token(k, c, {"typ": "at+jwt"}), "no token": lambda k, c: "x",
        }
        for what, signer in signers.items():
            with self.subTest(what):
                self.idp.sign = signer
                self.refused("token", 403)
        self.idp.heal()
        self.idp.changes = {"aud": [self.idp.client_id, "else"], "azp": self.idp.client_id, "at_hash": None}
        self.opened()
        self.idp.heal()
        self.assertEqual(len(self.users()), 1)

    def test_keys_rotate_meanwhile(self):
        browser = self.browser()
        location = self.begin(browser)
        self.idp.keys = [Key("next", "RS256")]

        def arrives():
            return self.sign_in(browser)[1].status == 302
        eventually(arrives, "the new key is known")
        self.assertIn("/authorize", location)

    def test_who_may_come_in(self):
        self.idp.person.update(email="Ada@Example.ORG", email_verified=True)
        self.edit(email_domains=["example.org"])
        self.opened()
        self.assertEqual(self.users()[0][0], "ada@example.org")
        self.idp.person.update(sub="p-2", email="eve@evil.example")
        self.refused("email_domain", 403)
        self.idp.person.update(email="eve@example.org", email_verified=False)
        self.refused("email", 403)
        self.idp.person.update(email=None)
        self.idp.person.update(preferred_username="eve@example.org")
        self.refused("email", 403)
        self.idp.person.update(email="ada@example.org", email_verified=True)
        self.refused("email_taken", 409)
        self.assertEqual(len(self.users()), 1)
        self.edit(email_domains=[])
        self.idp.person.update(email=None, preferred_username="bob@example.net")
        self.opened()
        self.cluster.sql("update users set disabled_at = now() where email = 'bob@example.net'")
        self.refused("user", 403)

    def test_a_subject_of_another_provider_is_another_person(self):
        self.opened()
        self.make(name="second", role_map={}, default_role="viewer")
        self.idp.person["email"] = "else@example.org"
        self.opened(path="/auth/oidc/acme/second")
        self.assertEqual([u[0] for u in self.users()], ["ada@example.org", "else@example.org"])
        self.make(self.other)
        self.opened(path="/auth/oidc/globex/corp")
        self.assertEqual(self.cluster.value("select count(distinct tenant_id) from users"), "2")

    def test_the_issuer_refuses(self):
        browser = self.browser()
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(self.begin(browser)).query)["state"][0]
        problem = self.problem(browser.get(f"/auth/oidc/acme/corp/callback?state={state}&error=access_denied&error_description=No%20%3Cb%3E"), 403)
        self.assertEqual(problem["type"], "/problems/sign_in_issuer")
        self.assertIn("access_denied", problem["detail"])
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(self.begin(browser)).query)["state"][0]
        self.problem(browser.get(f"/auth/oidc/acme/corp/callback?state={state}&code=invented&iss={urllib.parse.quote(self.idp.issuer)}"), 403)
        back = self.at_the_issuer(self.begin(browser))
        self.problem(browser.get(back[:back.index("&iss=")]), 403)  # an issuer that names itself has to
        back = self.at_the_issuer(self.begin(browser))
        self.problem(browser.get(back[:back.index("&iss=")] + "&iss=http%3A%2F%2Fevil.example"), 403)

    def test_the_issuer_is_away(self):
        browser = self.browser()
        for fault, status in (("500", 503), ("html", 502), ("drop", 503), ("silence", 504), ("redirect", 502)):
            with self.subTest(fault):
                self.idp.faults = {"/token": fault}
                self.refused("issuer", status, browser, audited=False)
                self.idp.heal()
        self.opened()
        for fault in ("500", "html", "silence", "redirect"):
            with self.subTest("metadata " + fault):
                idp = Provider()
                self.addCleanup(idp.close)
                self.make(name="away-" + fault, issuer=idp.issuer)
                idp.faults = {"/.well-known/openid-configuration": fault}
                answer = self.browser().get("/auth/oidc/acme/away-" + fault)
                self.assertIn(self.problem(answer, answer.status)["status"], (502, 503, 504))
        self.idp.token_changes = {"id_token": 7}
        self.refused("issuer", 502, audited=False)
        bare = Provider()
        self.addCleanup(bare.close)
        self.make(name="bare", issuer=bare.issuer)
        bare.faults = {"metadata": {"token_endpoint": None}}
        self.problem(self.browser().get("/auth/oidc/acme/bare"), 502)

    def test_switched_off(self):
        browser, _ = self.opened()
        half = self.browser()
        back = self.at_the_issuer(self.begin(half))
        self.edit(enabled=False)
        self.problem(half.get(back), 403)
        eventually(lambda: browser.get("/api/v1/assets").status == 401, "its sessions have ended", deadline=1)
        self.problem(self.browser().get("/auth/oidc/acme/corp"), 404)
        for path in ("/auth/oidc/acme/nosuch", "/auth/oidc/globex/corp", "/auth/oidc/nosuch/corp"):
            self.problem(self.browser().get(path), 404)
        self.edit(enabled=True)
        browser, _ = self.opened()
        self.ok(self.api("DELETE", f"/api/v1/identity-providers/{self.made['id']}", headers={"If-Match": "*"}))
        eventually(lambda: browser.get("/api/v1/assets").status == 401, "its sessions have ended", deadline=1)
        self.assertEqual(self.cluster.sql("select external_subject, identity_provider_id from users"), [["", ""]])

    def test_nothing_secret_is_told(self):
        browser, _ = self.opened()
        log = self.hub.process.text()
        rows = self.cluster.value("select string_agg(a::text, '') from audit_logs a")
        for secret in (self.idp.client_secret, browser.cookies[SESSION], "code_verifier", "id_token\":"):
            self.assertNotIn(secret, log)
            self.assertNotIn(secret, rows)


if __name__ == "__main__":
    unittest.main(verbosity=2)
