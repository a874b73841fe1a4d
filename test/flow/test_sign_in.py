"""Signing in: sessions, cookies, CSRF, lock-out, second factor, users as admins manage them; by HTTP, with two hubs on one database."""
import base64
import concurrent.futures
import hashlib
import hmac
import http.cookies
import os
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from processes import BUILD, Cluster, Http, Hub, environment, eventually, pg_bin
from world import World, msphub

PASSWORD = "a quiet tin drum"
SESSION, DEVICE = "__Host-msphub_session", "__Host-msphub_device"


def totp(secret, step):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">q", step), hashlib.sha1)
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


class Browser:
    """Keeps cookies, and the CSRF token it was told; everything it is given is remembered."""

    def __init__(self, hub, cookies=None):
        self.http, self.cookies, self.csrf, self.seen = Http(hub.url), dict(cookies or {}), None, []
        self.others = []

    def __call__(self, method, path, body=None, headers=None, csrf=True):
        sent = {}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if csrf and self.csrf and method != "GET":
            sent["X-CSRF-Token"] = self.csrf
        sent.update(headers or {})
        answer = self.http(method, path, body, headers=sent)
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                self.seen.append(morsel)
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        if answer.status < 300 and answer.body and "csrf_token" in answer.json:
            self.csrf = answer.json["csrf_token"]
        return answer

    def sign_in(self, email, password=PASSWORD, tenant="acme", **more):
        return self("POST", "/api/v1/session", {"tenant": tenant, "email": email, "password": password, **more})

    def status(self, path="/api/v1/session"):
        return self("GET", path).status

    def at(self, hub):
        """The same browser, sent by a balancer to another process."""
        other = Browser(hub, self.cookies)
        other.csrf = self.csrf
        self.others.append(other)
        return other

    def close(self):
        for one in (self, *self.others):
            one.http.close()


def sign_in_once(hub, email, password=PASSWORD):
    b = Browser(hub)
    try:
        return b.sign_in(email, password)
    finally:
        b.close()


class SignInWorld(World):
    """Cheap hashes, short waits; two hubs."""
    options = {"password_memory": "8m", "password_passes": "1", "sign_in_failures": "3", "sign_in_lock": "2s", "sign_in_lock_max": "4s",
               "sign_in_per_address": "100000"}
    hubs = 2

    @classmethod
    def build(cls):
        cls.cluster = cls.keep(Cluster())
        with tempfile.NamedTemporaryFile("w", prefix="msphub-flow-key-", dir="/tmp", delete=False) as key_file:
            key_file.write("k1:" + os.urandom(32).hex() + "\n")
        cls.key_file = key_file.name
        msphub(cls.cluster, cls.key_file, "migrate")
        cls.key = cls.new_tenant("acme", "Acme MSP")
        cls.hub, *rest = [cls.keep(Hub(cls.cluster, cls.key_file, **cls.options)) for _ in range(cls.hubs)]
        cls.second = rest[0] if rest else None
        cls.api = cls.connect(cls.key)
        cls.users = 0

    @classmethod
    def user_command(cls, action, *argv, stdin=None, tenant="acme", check=True):
        env = environment({"MSPHUB_DATABASE": cls.cluster.conninfo, "MSPHUB_KEY_FILE": cls.key_file,
                           "MSPHUB_PASSWORD_MEMORY": "8m", "MSPHUB_PASSWORD_PASSES": "1"})
        done = subprocess.run([os.path.join(BUILD, "msphub"), "user", action, *argv, "--tenant", tenant],
                              input=stdin, capture_output=True, text=True, env=env)
        assert not check or done.returncode == 0, (action, argv, done.stdout, done.stderr)
        return done

    def new_user(self, role="viewer", password=PASSWORD, tenant="acme"):
        """A user of the test's own, whose password needs no change."""
        type(self).users += 1
        email = f"user{type(self).users}@example.org"
        self.user_command("create", email, "--role", role, "--name", "Somebody", "--password-stdin", stdin=password + "\n", tenant=tenant)
        return email

    def browser(self, hub=None, cookies=None):
        b = Browser(hub or self.hub, cookies)
        self.addCleanup(b.close)
        return b

    def signed_in(self, email, hub=None, **more):
        b = self.browser(hub)
        self.ok(b.sign_in(email, **more), 200)
        return b

    def id_of(self, email):
        return int(self.cluster.value(f"select user_id from users where email = '{email}'"))

    def code(self, answer, status, code):
        self.assertEqual(self.problem(answer, status)["type"], "/problems/" + code)
        return answer

    def over(self, browser, hub=None):
        """This session has ended, in this process too."""
        b = browser.at(hub) if hub else browser
        eventually(lambda: b.status() == 401, "the session is over")

    def audited(self, action, email):
        return int(self.cluster.value(f"select count(*) from audit_logs where action = '{action}' and target = '{email}'"))


class SignIn(SignInWorld):
    def test_a_session_from_beginning_to_end(self):
        email = self.new_user("operator")
        b = self.browser()
        answer = b.sign_in(email.upper())
        me = self.ok(answer, 200)
        self.assertEqual((me["kind"], me["role"], me["name"], me["tenant"]["slug"]), ("session", "operator", email, "acme"))
        self.assertEqual(me["user"]["email"], email)
        self.assertFalse(me["must_change_password"])
        self.assertGreater(me["expires_at"], me["user"]["last_sign_in_at"])
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        for morsel in b.seen:
            self.assertEqual((morsel["path"], morsel["domain"]), ("/", ""))
            self.assertTrue(morsel["secure"] and morsel["httponly"], morsel)
        given = {m.key: m for m in b.seen}
        self.assertEqual((given[SESSION]["samesite"], given[SESSION]["max-age"]), ("Lax", ""))
        self.assertEqual(given[DEVICE]["samesite"], "Strict")
        self.assertEqual(len(given[SESSION].value), 43)
        again = self.ok(b("GET", "/api/v1/session"))
        self.assertEqual((again["csrf_token"], again["session_id"]), (me["csrf_token"], me["session_id"]))
        other = b.at(self.second)
        self.assertEqual(other.status("/api/v1/assets"), 200)
        self.code(b("GET", "/api/v1/users"), 403, "forbidden")
        token = b.cookies[SESSION]
        self.ok(b("DELETE", "/api/v1/session"), 204)
        self.assertNotIn(SESSION, b.cookies)
        old = self.browser(cookies={SESSION: token})
        self.code(old("GET", "/api/v1/session"), 401, "session_over")
        self.over(other)
        self.assertEqual([self.audited("session.opened", email), self.audited("session.closed", email)], [1, 1])

    def test_who_am_i_for_other_credentials(self):
        me = self.ok(self.api.get("/api/v1/session"))
        self.assertEqual((me["kind"], me["role"], me["user"]), ("api_key", "admin", None))
        self.assertIn("users:write", me["scopes"])
        self.assertNotIn("csrf_token", me)
        self.code(self.api("DELETE", "/api/v1/session"), 409, "session_needed")
        self.code(self.api("POST", "/api/v1/session/totp", {"password": PASSWORD}), 409, "session_needed")
        self.code(self.browser()("GET", "/api/v1/session"), 401, "no_credential")

    def test_all_refusals_are_one(self):
        email, disabled = self.new_user(), self.new_user()
        self.user_command("disable", disabled)
        bodies = set()
        for tenant, who, password in (("acme", email, "not the tin drum"), ("acme", "nobody@example.org", PASSWORD),
                                      ("nowhere", email, PASSWORD), ("acme", disabled, PASSWORD), ("acme", "no address", PASSWORD),
                                      ("acme", email, "x" * 5000), ("acme", email, "")):
            b = self.browser()
            began = time.monotonic()
            answer = b.sign_in(who, password, tenant)
            self.assertGreaterEqual(time.monotonic() - began, 0.24, "refusals are told on the tick")
            problem = self.code(answer, 401, "sign_in_failed").json
            problem.pop("request_id")
            bodies.add(str(problem))
            self.assertEqual(b.cookies, {})
        self.assertEqual(len(bodies), 1)
        self.assertEqual(self.audited("session.refused", email), 3)
        self.assertEqual(self.audited("session.refused", disabled), 1)

    def test_bad_bodies(self):
        b = self.browser()
        for body, pointer in (({"email": "a@b", "password": 7}, "/password"), ({"password": "x"}, "/email"),
                              ({"email": "a@b", "password": "x", "remember": True}, "/remember")):
            problem = self.problem(b("POST", "/api/v1/session", body), 422)
            self.assertIn(pointer, [e["pointer"] for e in problem["errors"]])

    def test_strangers_are_locked_out_and_the_known_browser_is_not(self):
        email = self.new_user()
        known, stranger = self.signed_in(email), self.browser()
        self.ok(known("DELETE", "/api/v1/session"), 204)
        self.assertIn(DEVICE, known.cookies)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:  # many at once do not outrun the count
            tries = list(pool.map(lambda i: sign_in_once(self.hub if i % 2 else self.second, email, f"guess number {i:03}"), range(12)))
        self.assertEqual({t.status for t in tries}, {401})
        self.assertEqual(self.audited("session.refused", email), 3)
        self.assertEqual(self.audited("user.locked", email), 1)
        self.code(stranger.sign_in(email), 401, "sign_in_failed")  # the right password, while the wait is in force
        self.ok(known.sign_in(email), 200)
        # time unlocks; one more failure locks for longer
        eventually(lambda: stranger.sign_in(email).status == 200, "the wait ends", every=0.2)
        self.assertEqual(self.cluster.value(f"select failed_attempts from users where email = '{email}'"), "0")
        # a known browser has a count of its own
        self.ok(known("DELETE", "/api/v1/session"), 204)
        for _ in range(3):
            self.code(known.sign_in(email, "not the tin drum"), 401, "sign_in_failed")
        self.code(known.sign_in(email), 401, "sign_in_failed")
        self.assertEqual(self.audited("user.browser_locked", email), 1)
        self.ok(self.browser().sign_in(email), 200)

    def test_a_lock_doubles_and_an_admin_lifts_it(self):
        email = self.new_user()
        for _ in range(3):
            self.browser().sign_in(email, "not the tin drum")
        seconds = "select extract(epoch from locked_until - failed_at)::int from users where email = '%s'" % email
        self.assertEqual(self.cluster.value(seconds), "2")
        for _ in range(2):
            self.cluster.sql(f"update users set locked_until = now() where email = '{email}'")
            self.browser().sign_in(email, "not the tin drum")
            self.assertEqual(self.cluster.value(seconds), "4")  # the longest there is
        user = self.ok(self.api.get(f"/api/v1/users/{self.id_of(email)}"))
        self.assertIsNotNone(user["locked_until"])
        for _ in range(2):  # the second lifts nothing
            self.ok(self.api("PATCH", f"/api/v1/users/{user['id']}", {"locked": False}, headers={"If-Match": "*"}))
        self.assertEqual(self.audited("user.unlocked", email), 1)
        self.ok(self.browser().sign_in(email), 200)

    def test_csrf(self):
        b = self.signed_in(self.new_user("admin"))
        path, body = "/api/v1/users", {"email": "csrf@example.org", "role": "viewer"}
        self.code(b("POST", path, body, csrf=False), 403, "csrf")
        self.code(b("POST", path, body, headers={"X-CSRF-Token": "x" * 32}), 403, "csrf")
        self.code(b("POST", path, body, headers={"X-CSRF-Token": self.signed_in(self.new_user()).csrf}), 403, "csrf")
        self.code(b("POST", path, body, headers={"Origin": "https://evil.example"}), 403, "cross_site")
        self.code(b("POST", path, body, headers={"Origin": "null"}), 403, "cross_site")
        for site in ("cross-site", "same-site"):
            self.code(b("POST", path, body, headers={"Sec-Fetch-Site": site}), 403, "cross_site")
        self.code(b("DELETE", "/api/v1/session", csrf=False), 403, "csrf")
        self.assertEqual(b.status(), 200)
        self.assertEqual(self.cluster.value("select count(*) from users where email = 'csrf@example.org'"), "0")
        origin = {"Origin": f"http://{b.http.host}:{b.http.port}", "Sec-Fetch-Site": "same-origin"}
        self.ok(b("POST", path, body, headers=origin), 201)
        self.assertEqual(b("GET", path, headers={"Sec-Fetch-Site": "cross-site"}).status, 200)  # reads nothing to the other page
        self.ok(self.api("DELETE", f"/api/v1/users/{self.id_of('csrf@example.org')}", headers={"If-Match": "*", **origin}), 204)
        # nobody is signed in by a page of somebody else's
        stranger = self.browser()
        self.code(stranger("POST", "/api/v1/session", {"email": "a@b", "password": PASSWORD}, headers={"Origin": "https://evil.example"}),
                  403, "cross_site")

    def test_a_given_cookie_is_never_adopted(self):
        email = self.new_user()
        victim = self.signed_in(email)
        for given in ("A" * 43, victim.cookies[SESSION], "x"):
            b = self.browser(cookies={SESSION: given, DEVICE: "D" * 32})
            self.ok(b.sign_in(email), 200)
            self.assertNotEqual(b.cookies[SESSION], given)
            self.assertNotEqual(b.cookies[DEVICE], "D" * 32)
        self.assertEqual(self.browser(cookies={SESSION: "A" * 43}).status(), 401)

    def test_own_sessions(self):
        email, stranger = self.new_user(), self.signed_in(self.new_user())
        here, there, third = (self.signed_in(email) for _ in range(3))
        listed = self.ok(here("GET", "/api/v1/sessions"))["items"]
        self.assertEqual([s["current"] for s in listed], [False, False, True])
        self.assertEqual({s["method"] for s in listed}, {"password"})
        self.assertEqual(listed[0]["address"], "127.0.0.1")
        self.code(stranger("DELETE", f"/api/v1/sessions/{listed[0]['id']}"), 404, "not_found")
        self.assertEqual(third.status(), 200)
        self.ok(here("DELETE", f"/api/v1/sessions/{listed[0]['id']}"), 204)
        self.over(third, self.second)
        self.over(third)
        self.assertEqual(there.status(), 200)
        self.ok(here("DELETE", "/api/v1/sessions"), 204)
        self.over(there, self.second)
        self.assertEqual((here.status(), stranger.status()), (200, 200))

    def test_another_password_ends_the_other_sessions(self):
        email = self.new_user()
        here, there = self.signed_in(email), self.signed_in(email, self.second)
        token, csrf = here.cookies[SESSION], here.csrf
        change = {"old_password": PASSWORD, "new_password": "a louder tin drum"}
        self.code(here("POST", "/api/v1/session/password", {**change, "old_password": "not the tin drum"}), 403, "wrong_secret")
        for bad in ("short", email + "!!!!!", PASSWORD, "passwordpassword"):
            self.problem(here("POST", "/api/v1/session/password", {**change, "new_password": bad}), 422)
        self.ok(here("POST", "/api/v1/session/password", change), 200)
        self.assertNotEqual(here.cookies[SESSION], token)
        self.assertNotEqual(here.csrf, csrf)
        self.assertEqual(here.status(), 200)
        self.ok(here("DELETE", "/api/v1/sessions"), 204)  # with the new CSRF token
        self.over(there)
        self.over(self.browser(self.second, {SESSION: token}))
        self.code(self.browser().sign_in(email), 401, "sign_in_failed")
        self.ok(self.browser().sign_in(email, change["new_password"]), 200)
        self.assertEqual(self.audited("user.updated", email), 1)

    def test_a_stolen_session_does_not_find_the_password(self):
        b = self.signed_in(self.new_user())
        answers = [b("POST", "/api/v1/session/password", {"old_password": f"guess number {i:03}", "new_password": "a louder tin drum"})
                   for i in range(12)]
        self.assertEqual([a.status for a in answers], [403] * 10 + [429] * 2)
        self.assertGreater(int(answers[-1].headers["Retry-After"]), 0)


class SecondFactor(SignInWorld):
    def enrol(self, b):
        """Gives the secret, the step of the code that was used, and the recovery codes."""
        begun = self.ok(b("POST", "/api/v1/session/totp", {"password": PASSWORD}), 201)
        step = int(time.time()) // 30
        confirmed = self.ok(b("POST", "/api/v1/session/totp/confirm", {"code": totp(begun["secret"], step)}), 200)
        return begun["secret"], step, confirmed["recovery_codes"]

    def test_enrol_use_replay_recover_remove(self):
        email = self.new_user()
        b, sibling = self.signed_in(email), self.signed_in(email, self.second)
        token = b.cookies[SESSION]
        self.code(b("POST", "/api/v1/session/totp", {"password": "not the tin drum"}), 403, "wrong_secret")
        begun = self.ok(b("POST", "/api/v1/session/totp", {"password": PASSWORD}), 201)
        uri = urllib.parse.urlsplit(begun["uri"])
        self.assertEqual((uri.scheme, uri.netloc, urllib.parse.unquote(uri.path)), ("otpauth", "totp", "/msphub:" + email))
        self.assertEqual(urllib.parse.parse_qs(uri.query)["secret"], [begun["secret"]])
        self.ok(self.browser().sign_in(email), 200)  # not asked for before it is confirmed
        self.code(b("POST", "/api/v1/session/totp/confirm", {"code": "000000" if totp(begun["secret"], int(time.time()) // 30) != "000000" else "1"}),
                  403, "wrong_secret")
        secret, step, codes = self.enrol(b)  # begun anew: the first secret is gone
        self.assertNotEqual(secret, begun["secret"])
        self.assertNotEqual(b.cookies[SESSION], token)
        self.assertEqual(b.status(), 200)
        self.over(sibling)
        self.assertEqual((len(set(codes)), len(codes[0])), (10, 19))
        self.code(b("POST", "/api/v1/session/totp", {"password": PASSWORD}), 409, "conflict")
        stored = self.cluster.value(f"select totp_secret from users where email = '{email}'")
        self.assertRegex(stored, "^v1:k1:")
        # sign-in asks; the code of the enrolment is spent, the next one is good once
        self.code(self.browser().sign_in(email), 401, "totp_required")
        self.code(self.browser().sign_in(email, "not the tin drum"), 401, "sign_in_failed")
        self.code(self.browser().sign_in(email, code=totp(secret, step)), 401, "sign_in_failed")
        self.ok(self.browser().sign_in(email, code=totp(secret, step + 1)), 200)
        self.code(self.browser().sign_in(email, code=totp(secret, step + 1)), 401, "sign_in_failed")
        self.code(self.browser().sign_in(email, "not the tin drum", code=codes[0]), 401, "sign_in_failed")
        self.cluster.sql("update users set locked_until = null, failed_attempts = 0")
        # recovery codes, each once, however they are typed
        self.ok(self.browser().sign_in(email, code=codes[0]), 200)
        self.code(self.browser().sign_in(email, code=codes[0]), 401, "sign_in_failed")
        self.code(self.browser().sign_in(email, code="AAAA-AAAA-AAAA-AAAA"), 401, "sign_in_failed")
        self.ok(self.browser().sign_in(email, code=codes[1].lower().replace("-", " ")), 200)
        # removing it takes a code
        b = self.browser()
        self.ok(b.sign_in(email, code=codes[2]), 200)
        self.code(b("DELETE", "/api/v1/session/totp", {"code": "AAAA-AAAA-AAAA-AAAA"}), 403, "wrong_secret")
        self.code(b("DELETE", "/api/v1/session/totp", {"code": codes[2]}), 403, "wrong_secret")  # spent
        self.ok(b("DELETE", "/api/v1/session/totp", {"code": codes[3]}), 200)
        self.ok(self.browser().sign_in(email), 200)
        self.assertEqual(self.cluster.value("select count(*) from user_recovery_codes"), "0")

    def test_the_missing_code_is_no_failure(self):
        email = self.new_user()
        secret, step, _ = self.enrol(self.signed_in(email))
        for _ in range(7):
            self.code(self.browser().sign_in(email), 401, "totp_required")
        self.ok(self.browser().sign_in(email, code=totp(secret, step + 1)), 200)

    def test_guessing_codes_locks(self):
        email = self.new_user()
        secret, step, _ = self.enrol(self.signed_in(email))
        for _ in range(3):
            self.code(self.browser().sign_in(email, code=totp(secret, step + 40)), 401, "sign_in_failed")
        self.code(self.browser().sign_in(email, code=totp(secret, step + 1)), 401, "sign_in_failed")
        self.assertEqual(self.audited("user.locked", email), 1)

    def test_an_admin_takes_it_away(self):
        for reset in (lambda e: self.ok(self.api("POST", f"/api/v1/users/{self.id_of(e)}/totp-reset")),
                      lambda e: self.user_command("reset-totp", e)):
            email = self.new_user()
            b = self.signed_in(email)
            self.enrol(b)
            reset(email)
            self.over(b)
            self.over(b, self.second)
            self.ok(self.browser().sign_in(email), 200)


class Admins(SignInWorld):
    def edit(self, by, user_id, **members):
        etag = by("GET", f"/api/v1/users/{user_id}").headers["ETag"]
        return by("PATCH", f"/api/v1/users/{user_id}", members, headers={"If-Match": etag})

    def test_a_user_from_beginning_to_end(self):
        admin = self.signed_in(self.new_user("admin"))
        made = self.ok(admin("POST", "/api/v1/users", {"email": "Ada@Example.org", "display_name": "Ada", "role": "viewer"}), 201)
        user, password = made["user"], made["password"]
        self.assertEqual((user["email"], user["role"], user["must_change_password"]), ("ada@example.org", "viewer", True))
        self.code(admin("POST", "/api/v1/users", {"email": "ADA@example.org", "role": "viewer"}), 409, "email_taken")
        # a password that somebody else has seen opens nothing but its own change
        ada = self.signed_in("ada@example.org", password=password)
        self.code(ada("GET", "/api/v1/assets"), 403, "password_change_required")
        self.assertTrue(self.ok(ada("GET", "/api/v1/session"))["must_change_password"])
        self.ok(ada("POST", "/api/v1/session/password", {"old_password": password, "new_password": PASSWORD}), 200)
        self.assertEqual(ada.status("/api/v1/assets"), 200)
        # edits name the version that they edit
        path = f"/api/v1/users/{user['id']}"
        self.assertEqual(admin("PATCH", path, {"role": "operator"}).status, 428)
        stale = admin("GET", path).headers["ETag"]
        self.ok(self.edit(admin, user["id"], display_name="Ada L."))
        self.assertEqual(admin("PATCH", path, {"role": "operator"}, headers={"If-Match": stale}).status, 412)
        # another role is in force everywhere, under another token
        other = ada.at(self.second)
        self.assertEqual(self.ok(other("GET", "/api/v1/session"))["role"], "viewer")
        token = other.cookies[SESSION]
        self.ok(self.edit(admin, user["id"], role="operator"))
        eventually(lambda: self.ok(other("GET", "/api/v1/session"))["role"] == "operator", "the new role is heard of")
        self.assertNotEqual(other.cookies[SESSION], token)
        # who is disabled is out
        ada = self.signed_in("ada@example.org")
        self.ok(self.edit(admin, user["id"], disabled=True))
        self.over(ada)
        self.over(other)
        self.code(self.browser().sign_in("ada@example.org"), 401, "sign_in_failed")
        self.ok(self.edit(admin, user["id"], disabled=False))
        ada = self.signed_in("ada@example.org", hub=self.second)
        reset = self.ok(admin("POST", path + "/password-reset", {}), 200)
        self.over(ada)
        self.code(self.browser().sign_in("ada@example.org"), 401, "sign_in_failed")
        ada = self.signed_in("ada@example.org", password=reset["password"])
        self.ok(admin("DELETE", path, headers={"If-Match": "*"}), 204)
        self.over(ada)
        self.over(ada, self.second)
        self.code(admin("GET", path), 404, "not_found")
        self.assertEqual(self.audited("user.created", "ada@example.org"), 1)
        self.assertEqual(self.audited("user.deleted", "ada@example.org"), 1)

    def test_what_is_refused(self):
        email = self.new_user("admin")
        admin, own = self.signed_in(email), self.id_of(email)
        create = {"email": "x@example.org", "role": "viewer"}
        for bad, pointer in (({"email": "x"}, "/email"), ({"role": "king"}, "/role"), ({"role": "platform"}, "/role"),
                             ({"password": "short"}, "/password"), ({"display_name": ""}, "/display_name"), ({"age": 7}, "/age"),
                             ({"without_password": True, "password": PASSWORD}, "/password")):
            problem = self.problem(admin("POST", "/api/v1/users", {**create, **bad}), 422)
            self.assertIn(pointer, [e["pointer"] for e in problem["errors"]])
        self.code(self.edit(admin, own, disabled=True), 409, "own_user")
        self.code(admin("DELETE", f"/api/v1/users/{own}", headers={"If-Match": "*"}), 409, "own_user")
        self.assertEqual(admin("GET", "/api/v1/users/999999").status, 404)
        for role in ("viewer", "operator"):
            b = self.signed_in(self.new_user(role))
            self.code(b("GET", "/api/v1/users"), 403, "forbidden")
            self.code(b("POST", "/api/v1/users", create), 403, "forbidden")
        # a user of the platform is not an admin's to touch
        boss = self.id_of(self.new_user("platform"))
        self.code(self.edit(admin, boss, role="viewer"), 403, "forbidden")
        self.code(admin("POST", f"/api/v1/users/{boss}/password-reset", {}), 403, "forbidden")
        self.code(admin("POST", f"/api/v1/users/{boss}/totp-reset"), 403, "forbidden")
        self.code(admin("DELETE", f"/api/v1/users/{boss}", headers={"If-Match": "*"}), 403, "forbidden")
        self.assertEqual(self.cluster.value(f"select role from users where user_id = {boss}"), "platform")

    def test_the_last_admin_stays(self):
        key = self.new_tenant("lonely", "Lonely MSP")
        api = self.connect(key)
        first = self.ok(api.post("/api/v1/users", {"email": "one@example.org", "role": "admin"}), 201)["user"]["id"]
        self.ok(api.post("/api/v1/users", {"email": "two@example.org", "role": "viewer"}), 201)
        for refused in (self.edit(api, first, role="operator"), self.edit(api, first, disabled=True),
                        api("DELETE", f"/api/v1/users/{first}", headers={"If-Match": "*"})):
            self.code(refused, 409, "last_admin")
        second = self.ok(api.post("/api/v1/users", {"email": "three@example.org", "role": "admin"}), 201)["user"]["id"]
        # both demote the other at the same moment: one of them is told no
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            apis = {first: api, second: self.keep(Http(self.second.url, api.headers))}
            answers = list(pool.map(lambda u: apis[u]("PATCH", f"/api/v1/users/{u}", {"role": "viewer"}, headers={"If-Match": "*"}).status,
                                    apis))
        self.assertEqual(sorted(answers), [200, 409])

    def test_a_suspended_tenant(self):
        key = self.new_tenant("late", "Late payers")
        api = self.connect(key)
        self.ok(api.post("/api/v1/users", {"email": "late@example.org", "role": "viewer", "password": PASSWORD}), 201)
        b = self.browser()
        self.ok(b.sign_in("late@example.org", tenant="late"), 200)
        self.hub.command("tenant", "suspend", "late")
        eventually(lambda: b("GET", "/api/v1/session").status == 403, "the tenant is suspended")
        self.code(b("GET", "/api/v1/session"), 403, "tenant_suspended")
        self.code(self.browser().sign_in("late@example.org", tenant="late"), 401, "sign_in_failed")
        self.hub.command("tenant", "resume", "late")
        eventually(lambda: b.status() == 200, "it goes on")

    def test_the_platform_in_another_tenant(self):
        boss = self.signed_in(self.new_user("platform"))
        api = self.connect(self.new_tenant("gamma", "Gamma MSP"))
        there = {"Msphub-Tenant": "gamma"}
        me = self.ok(boss("GET", "/api/v1/session", headers=there))
        self.assertEqual((me["tenant"]["slug"], me["user"]["role"]), ("gamma", "platform"))
        made = self.ok(boss("POST", "/api/v1/users", {"email": "first@example.org", "role": "admin"}, headers=there), 201)["user"]
        self.assertEqual([u["id"] for u in self.ok(api.get("/api/v1/users"))["items"]], [made["id"]])
        self.problem(boss("POST", "/api/v1/users", {"email": "second@example.org", "role": "platform"}, headers=there), 422)
        self.ok(boss("PATCH", f"/api/v1/users/{made['id']}", {"disabled": True}, headers={**there, "If-Match": "*"}), 200)  # the last admin
        self.code(boss("PATCH", f"/api/v1/users/{made['id']}", {"role": "platform"}, headers={**there, "If-Match": "*"}), 422, "invalid")
        done = self.user_command("create", "third@example.org", "--role", "platform", tenant="gamma", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("own tenant", done.stderr)

    def test_tenants_do_not_meet(self):
        api = self.connect(self.new_tenant("beta", "Beta MSP"))
        email = self.new_user("admin")
        theirs = self.id_of(email)
        for answer in (api.get(f"/api/v1/users/{theirs}"), api("DELETE", f"/api/v1/users/{theirs}", headers={"If-Match": "*"}),
                       api("PATCH", f"/api/v1/users/{theirs}", {"role": "viewer"}, headers={"If-Match": "*"}),
                       api.post(f"/api/v1/users/{theirs}/password-reset", {}), api.post(f"/api/v1/users/{theirs}/totp-reset")):
            self.code(answer, 404, "not_found")
        self.assertEqual(self.ok(api.get("/api/v1/users"))["items"], [])
        self.code(self.browser().sign_in(email, tenant="beta"), 401, "sign_in_failed")
        # the same address may have a user in each
        self.ok(api.post("/api/v1/users", {"email": email, "role": "viewer", "password": "a louder tin drum"}), 201)
        self.ok(self.browser().sign_in(email, "a louder tin drum", "beta"), 200)
        self.ok(self.browser().sign_in(email), 200)

    def test_pages(self):
        api = self.connect(self.new_tenant("many", "Many MSP"))
        for i in range(5):
            self.ok(api.post("/api/v1/users", {"email": f"u{i}@example.org", "role": "viewer", "without_password": True}), 201)
        page = self.ok(api.get("/api/v1/users?limit=3"))
        rest = self.ok(api.get("/api/v1/users?limit=3&after=" + urllib.parse.quote(page["next"])))
        self.assertEqual([u["email"] for u in page["items"] + rest["items"]], [f"u{i}@example.org" for i in range(5)])
        self.code(self.browser().sign_in("u0@example.org", "", "many"), 401, "sign_in_failed")

    def test_the_command(self):
        shown = self.user_command("create", "cli@example.org", "--role", "admin").stdout.splitlines()
        self.assertEqual(len(shown), 3)
        b = self.signed_in("cli@example.org", password=shown[-1])
        self.assertTrue(self.ok(b("GET", "/api/v1/session"))["must_change_password"])
        self.assertIn("cli@example.org", self.user_command("list").stdout)
        self.user_command("password", "cli@example.org", "--password-stdin", stdin=PASSWORD + "\n")
        self.over(b)
        b = self.signed_in("cli@example.org")
        self.assertFalse(self.ok(b("GET", "/api/v1/session"))["must_change_password"])
        self.user_command("disable", "cli@example.org")
        self.over(b, self.second)
        self.user_command("enable", "CLI@example.org")
        self.ok(self.browser().sign_in("cli@example.org"), 200)
        for argv, stdin, said in ((("create", "cli@example.org"), None, "exists"), (("create", "x"), None, "no e-mail address"),
                                  (("create", "y@example.org", "--role", "king"), None, "a role is"),
                                  (("password", "cli@example.org", "--password-stdin"), "short\n", "12 to 256"),
                                  (("disable", "nobody@example.org"), None, "no such user")):
            done = self.user_command(*argv, stdin=stdin, check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(said, done.stderr + done.stdout)
        self.user_command("delete", "cli@example.org")
        self.assertEqual(self.audited("user.deleted", "cli@example.org"), 1)
        self.assertEqual(self.cluster.value("select distinct actor_kind from audit_logs where action = 'user.deleted' and target = 'cli@example.org'"), "cli")


class Expiry(SignInWorld):
    options = {**SignInWorld.options, "session_idle": "3s", "session_lifetime": "8s", "session_rotate": "1s", "session_grace": "1s"}

    def test_used_sessions_live_and_are_exchanged_until_their_age(self):
        email = self.new_user()
        here, idle = self.signed_in(email), self.signed_in(email)
        began, tokens = time.monotonic(), {here.cookies[SESSION]}
        other = here.at(self.second)

        def ended():
            for b in (here, other):  # one browser: what one is given, the other has
                if b.status() == 401:
                    return True
                tokens.add(b.cookies[SESSION])
                here.cookies = other.cookies = b.cookies
            return False

        eventually(ended, "old age", deadline=20, every=0.1)
        self.assertGreater(time.monotonic() - began, 7)  # longer than idle: use keeps it
        self.assertLess(time.monotonic() - began, 12)
        self.assertGreaterEqual(len(tokens), 4)
        self.assertEqual(idle.status(), 401)

    def test_former_tokens_end(self):
        email = self.new_user()
        b = self.signed_in(email)
        first = b.cookies[SESSION]
        eventually(lambda: b.status() == 200 and b.cookies[SESSION] != first, "it is exchanged", every=0.1)
        self.assertEqual(self.browser(self.second, {SESSION: first}).status(), 200)  # a request under way
        self.assertEqual(b.status(), 200)  # the new one arrived: the grace begins
        former = self.browser(self.second, {SESSION: first})

        def refused():
            return b.status() == 200 and former.status() == 401

        eventually(refused, "the former token ends", deadline=20, every=0.2)

    def test_idle_sessions_end(self):
        idle = self.signed_in(self.new_user())
        number = self.ok(idle("GET", "/api/v1/session"))["session_id"]
        self.assertEqual(idle.at(self.second).status(), 200)
        unused = f"select last_seen_at < now() - interval '3.3 s' from sessions where session_id = {number}"
        eventually(lambda: self.cluster.value(unused) == "t", "nobody uses it", every=0.1)
        for b in (idle, idle.others[0]):  # asking would be a use
            self.assertEqual(b.status(), 401)


class Budgets(SignInWorld):
    options = {**SignInWorld.options, "sign_in_per_address": "5"}
    hubs = 1

    def test_an_address_has_so_many_failures(self):
        email = self.new_user()
        for i in range(3):  # what goes well costs nothing
            self.ok(self.browser().sign_in(email), 200)
        answers = [self.browser().sign_in(f"user{i}@nowhere.example") for i in range(7)]
        self.assertEqual([a.status for a in answers], [401] * 5 + [429] * 2)
        self.assertGreater(int(answers[-1].headers["Retry-After"]), 60)
        self.code(self.browser().sign_in(email), 429, "too_many_attempts")


class Load(SignInWorld):
    options = {**SignInWorld.options, "password_memory": "32m", "password_passes": "2", "password_queue": "20"}
    hubs = 1

    def test_the_loop_goes_on_while_passwords_are_hashed(self):
        email = self.new_user()
        live = Http(self.hub.url)
        self.addCleanup(live.close)
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            tries = [pool.submit(sign_in_once, self.hub, email) for _ in range(100)]
            slowest = 0
            while not all(t.done() for t in tries):
                began = time.monotonic()
                self.assertEqual(live.get("/livez").status, 200)
                slowest = max(slowest, time.monotonic() - began)
        answers = [t.result() for t in tries]
        statuses = [a.status for a in answers]
        self.assertLess(slowest, 1.0)  # far more than a hash takes; a blocked loop would need the time of all of them
        self.assertEqual(set(statuses) - {200, 401, 503}, set())
        self.assertGreaterEqual(statuses.count(503), 1)
        self.assertTrue(all("Retry-After" in a.headers for a in answers if a.status == 503))
        # being turned away is no failure: the count holds the ones that were refused, and a known number of times was let in
        eventually(lambda: int(self.cluster.value(f"select failed_attempts from users where email = '{email}'")) <= 3, "counts are taken back")
        # hashed at another cost than today's by the command: sign-in has hashed it anew
        self.cluster.sql("update users set failed_attempts = 0, locked_until = null")
        self.ok(self.browser().sign_in(email), 200)
        eventually(lambda: "m=32768,t=2" in self.cluster.value(f"select password_hash from users where email = '{email}'"), "hashed anew")
        self.assertEqual(self.audited("user.updated", email), 0)


class Secrets(SignInWorld):
    hubs = 1

    def test_no_secret_is_left_anywhere(self):
        canary = "canary-Password-4711"
        email = self.new_user(password=canary)
        b = self.browser()
        wrong = "canary-Wrong-0815-guess"
        b.sign_in(email, wrong)
        self.ok(b.sign_in(email, canary), 200)
        begun = self.ok(b("POST", "/api/v1/session/totp", {"password": canary}), 201)
        codes = self.ok(b("POST", "/api/v1/session/totp/confirm", {"code": totp(begun["secret"], int(time.time()) // 30)}), 200)["recovery_codes"]
        self.ok(b("POST", "/api/v1/session/password", {"old_password": canary, "new_password": canary + "-2"}), 200)
        made = self.ok(self.api.post("/api/v1/users", {"email": "made@example.org", "role": "viewer"}), 201)["password"]
        secrets = [canary, wrong, begun["secret"], made, *codes, *[m.value for m in b.seen if m.value]]
        dump = subprocess.run([os.path.join(pg_bin(), "pg_dump"), "-h", self.cluster.dir, "-U", "postgres", "msphub"], check=True,
                              capture_output=True, text=True).stdout
        audit = "".join(str(i) for i in self.items("/api/v1/audit?limit=500"))
        metrics = self.hub.http.get("/metrics").body.decode()
        self.assertIn("msphub_sign_ins_total", metrics)
        for secret in secrets:
            for where, text in (("dump", dump), ("log", self.hub.process.text()), ("audit", audit), ("metrics", metrics)):
                self.assertNotIn(secret, text, where)


if __name__ == "__main__":
    unittest.main(verbosity=2)
