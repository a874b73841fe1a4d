"""Secrets stay where they belong. Canaries in every secret place, then everything that the hub says and stores is searched for them. And a
sealed value that was moved elsewhere does not open there."""
import base64
import hashlib
import hmac
import http.cookies
import json
import os
import re
import signal
import struct
import time
import unittest

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from canary import Aviary, Echo, Recorder, dump
from processes import Hub, Process, eventually
from world import World, msphub

SPECIAL = " &+%\"'\\<>/=ä"
# What shows a secret because that is its purpose: (canary's name, answer) both as patterns.
# An error tells people what they have typed into the wrong place, and nobody else. A CSRF token is of no use without its session's cookie,
# of which the database has the hash.
BY_DESIGN = [("webhook secret", r"(GET|POST) /api/v1/integrations/[^/]+/webhook(/rotate)?$"), ("API key", r"GET /api/v1/alerts\?state="),
             ("the (cookie|CSRF token)", r"(GET|POST) /api/v1/session(/password|/totp/confirm)?$"), ("a TOTP secret", "POST /api/v1/session/totp$"),
             ("recovery code", "POST /api/v1/session/totp/confirm$"), ("a user's first password", "POST /api/v1/users$"),
             ("the CSRF token", "the database$")]


class Base(World):
    @classmethod
    def connect(cls, key):
        return cls.keep(Recorder(cls.hub.url, {"Authorization": "Bearer " + key}))

    def instance(self, key):
        return next(i for p in self.items("/api/v1/integrations") for i in p["instances"] if i["key"] == key)


class Canaries(Base):
    hub_options = {"log_level": "debug", "log_format": "json", "call_attempts": "2", "call_backoff": "10ms", "call_timeout": "5s", "call_max_wait": "2s"}

    @classmethod
    def build(cls):
        cls.aviary, cls.logs, Recorder.seen = Aviary(), {}, []
        super().build()
        cls.echo = cls.keep(Echo(cls.aviary))
        cls.aviary.add("the admin's API key", cls.key)
        with open(cls.key_file, encoding="ascii") as f:
            cls.sealing_key = cls.aviary.add("the sealing key", f.read().split(":")[1].strip())

    @classmethod
    def new_key(cls, slug, role):
        return cls.aviary.add(f"an API key of a {role}", super().new_key(slug, role))

    def settings(self, provider, url, hatch):
        """One value for each field, as its kind wants it."""
        values = {}
        for field in provider["fields"]:
            if field["kind"] == "secret":
                values[field["key"]] = hatch(f"{provider['key']}.{field['key']}")
            elif field["kind"] == "url":
                values[field["key"]] = url
            elif field["default"] is None and (field["required"] or field["key"] == "client_id"):  # needed by one way to sign in
                values[field["key"]] = {"text": "plain-text", "number": field.get("min", 1), "bool": True, "select": (field.get("options") or [""])[0]}[field["kind"]]
        return values

    def webhook(self, key):
        hook = self.ok(self.api.get(f"/api/v1/integrations/{key}/webhook"))
        self.aviary.add(f"the webhook secret of {key} {hook['secret'][:4]}", hook["secret"])
        return hook["url"][hook["url"].index("/webhooks/"):], hook["header"], hook["secret"]

    def sealed(self, provider):
        stored = json.loads(self.cluster.value(f"select settings from integration_configurations where provider = '{provider['key']}' and name = 'canary'"))
        return [stored[f["key"]] for f in provider["fields"] if f["kind"] == "secret"]

    def provoke(self, provider):
        """A product that repeats what it is sent; saved and unsaved settings; tests of the connection and syncs."""
        key = provider["key"] + ":canary"
        hatched = []

        def hatch(name, ends=SPECIAL):
            hatched.append(self.aviary.hatch(f"{name} {len(self.aviary.cores)}", ends))
            return hatched[-1]

        values = self.settings(provider, self.echo.url, hatch)
        made = self.configure(key, values)
        self.assertTrue(hatched, "a provider without a secret field")
        calls = self.echo.calls
        for mode in self.echo.modes:
            self.echo.mode = mode
            self.ok(self.api.post(f"/api/v1/integrations/{key}/test", {"settings": self.settings(provider, self.echo.url, hatch)}), 200, 422)
            # An edit forgets tokens, so that each mode meets the token endpoint as well.
            values = self.settings(provider, self.echo.url, hatch)
            self.configure(key, values)
            self.ok(self.api.post(f"/api/v1/integrations/{key}/test", {}), 200, 422)
            self.assertNotEqual(self.sync(key)["status"], "success")
        self.assertGreater(self.echo.calls, calls + len(self.echo.modes))
        # The settings as they are read back are masked, and the mask can be sent back.
        shown = self.instance(key)["settings"]
        for field in (f for f in provider["fields"] if f["kind"] == "secret"):
            self.assertEqual(shown[field["key"]], "****" + values[field["key"]][-4:])
        before = self.sealed(provider)
        self.configure(key, shown)
        self.assertEqual(self.sealed(provider), before)
        short = {**values, **{f["key"]: "Kan4rienvog" for f in provider["fields"] if f["kind"] == "secret"}}
        self.configure(key, short)
        self.assertTrue(all(self.instance(key)["settings"][f["key"]] == "****" for f in provider["fields"] if f["kind"] == "secret"))
        return made

    def bad_input(self, provider):
        """Secrets in bodies that are wrong."""
        url = f"/api/v1/integrations/{provider['key']}:bad/configure"
        field = next(f["key"] for f in provider["fields"] if f["kind"] == "secret")

        def hatch():
            return self.aviary.hatch(f"a secret in a bad body {len(self.aviary.cores)}")

        for body in (b'{"settings": {"%s": "%s"' % (field.encode(), hatch().encode()), b'{"settings": "%s"}' % hatch().encode(), hatch().encode(),
                     {"settings": [hatch()]}, {"settings": {field: {"value": hatch()}}}, {"settings": {field: [hatch()]}}, {"settings": {field: hatch() + "\n"}},
                     {"settings": {field: hatch() + "\0"}}, {"settings": {field: hatch(), "base_url": "https://user:" + hatch() + "@host.example"}},
                     {"settings": {field: hatch(), "nosuch": hatch()}}, {"settings": {field: hatch(), "base_url": 7}}, {"settings": {field: hatch()}, "nosuch": hatch()}):
            answer = self.api.post(url, body)
            self.assertIn(answer.status, (400, 422), answer)
            self.assertIn(self.api.post(url.replace("configure", "test"), body).status, (400, 422))

    def knock(self, path, header, secret):
        """A webhook with right and wrong secrets, and with bodies that hold one."""
        good = json.dumps({"id": 7001, "activityType": "MOON", "statusCode": "FULL", "activityTime": 1760000000, "agent_id": "x", "event": "trigger"}).encode()
        path = path.split("?")[0]

        def post(body, given, path=path):
            if header:
                return self.api.post(path, body, headers={header: given})
            return self.api.post(f"{path}?secret={given}", body)  # a product that can send no header

        self.ok(post(good, secret), 202)
        for wrong in (secret + "x", secret[:-1], secret.swapcase(), self.aviary.hatch("a wrong webhook secret")):
            self.problem(post(good, wrong), 401)
        self.problem(post(b'{"secret": "%s"' % secret.encode(), secret), 400)
        self.problem(post(good, secret, path + "x"), 404)

    def strangers(self):
        anonymous = self.keep(Recorder(self.hub.url))
        for credential in (self.key + "x", self.key[:-1], self.aviary.hatch("a wrong API key"), "msp_" + self.aviary.hatch("a wrong API key like ours")):
            for headers in ({"Authorization": "Bearer " + credential}, {"X-API-Key": credential}, {"Authorization": "Basic " + base64.b64encode(credential.encode()).decode()}):
                self.problem(anonymous.get("/api/v1/assets", headers=headers), 401)
        self.assertIn(self.api.get("/api/v1/assets?api_key=" + self.key).status, (400, 422))
        self.assertIn(self.api.get("/api/v1/alerts?state=" + self.key).status, (400, 422))
        self.ok(anonymous.get("/api/v1/assets", headers={"Authorization": "Bearer " + self.new_key("acme", "viewer")}))

    def identity_provider(self):
        """Its client secret, and bearer tokens that are none of ours."""
        body = {"name": "canary", "issuer": self.echo.url, "client_id": "plain", "client_secret": self.aviary.hatch("the client secret of an identity provider", SPECIAL),
                "audiences": ["canary"], "bearer": True, "default_role": "viewer"}
        made = self.ok(self.api.post("/api/v1/identity-providers", body), 201)
        path = f"/api/v1/identity-providers/{made['id']}"
        for mode in ("json401", "data200", "page200", "redirect"):
            self.echo.mode = mode
            self.ok(self.api.post(path + "/test", {}), 200, 422, 502, 503)
        self.ok(self.api("PATCH", path, {"client_secret": self.aviary.hatch("another client secret of an identity provider")}, headers={"If-Match": "*"}))
        self.ok(self.api.get(path))
        for wrong in ({"client_secret": [self.aviary.hatch("a client secret in a list")]}, {"client_secret": self.aviary.hatch("a client secret beside a fault"), "name": 7},
                      {"client_secret": self.aviary.hatch("a client secret with a line break") + "\n"}):
            self.problem(self.api.post("/api/v1/identity-providers", {**body, "name": "wrong", **wrong}), 422)
        stranger = self.keep(Recorder(self.hub.url))
        claims = json.dumps({"iss": self.echo.url, "aud": "canary", "sub": self.aviary.hatch("what a bearer token says"), "exp": 4102444800})
        for head in ({"alg": "RS256", "kid": "k"}, {"alg": "none"}, {"alg": "HS256"}):
            parts = [base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in (json.dumps(head), claims, self.aviary.hatch("a signature"))]
            self.assertIn(stranger.get("/api/v1/assets", headers={"Authorization": "Bearer " + ".".join(parts)}).status, (401, 503))

    def people(self):
        """Passwords, second factors and sessions of those who sign in."""
        password, hatch = self.aviary.hatch("a user's password", SPECIAL), self.aviary.hatch
        made = self.ok(self.api.post("/api/v1/users", {"email": "canary@example.org", "display_name": "Canary", "role": "admin"}), 201)
        self.aviary.add("a user's first password", made["password"])
        browser = self.keep(Recorder(self.hub.url))
        cookies = {}

        def ask(method, path, body=None, status=200, **headers):
            sent = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()), **headers}
            if "csrf" in cookies:
                sent["X-CSRF-Token"] = cookies["csrf"]
            answer = browser(method, path, body, headers=sent)
            self.assertEqual(answer.status, status, answer)
            for line in answer.headers.get_all("Set-Cookie") or []:
                for name, morsel in http.cookies.SimpleCookie(line).items():
                    cookies[name] = morsel.value
                    if len(morsel.value) >= 12:
                        self.aviary.add(f"the cookie {name} of {method} {path} {len(self.aviary.cores)}", morsel.value)
            said = answer.json if answer.body else {}
            if said.get("csrf_token"):
                cookies["csrf"] = self.aviary.add(f"the CSRF token of {method} {path} {len(self.aviary.cores)}", said["csrf_token"])
            return said

        who = {"tenant": "acme", "email": "canary@example.org"}
        ask("POST", "/api/v1/session", {**who, "password": hatch("a wrong password")}, 401)
        ask("POST", "/api/v1/session", {**who, "password": [hatch("a password in a list")]}, 422)
        ask("POST", "/api/v1/session", b'{"password": "%s"' % hatch("a password in a bad body").encode(), 400)
        ask("POST", "/api/v1/session", {**who, "password": made["password"]})
        ask("POST", "/api/v1/session/password", {"old_password": hatch("a wrong old password"), "new_password": hatch("a refused new password")}, 403)
        ask("POST", "/api/v1/session/password", {"old_password": made["password"], "new_password": password})
        begun = ask("POST", "/api/v1/session/totp", {"password": password}, 201)
        self.aviary.add("a TOTP secret", begun["secret"])
        ask("POST", "/api/v1/session/totp/confirm", {"code": "wrong"}, 403)
        for code in ask("POST", "/api/v1/session/totp/confirm", {"code": self.totp(begun["secret"])})["recovery_codes"]:
            self.aviary.add(f"the recovery code {code[:4]}", code)
        ask("GET", "/api/v1/users")
        ask("GET", "/api/v1/sessions")
        ask("GET", "/api/v1/session")
        stranger = self.keep(Recorder(self.hub.url))
        for name in [n for n in cookies if n != "csrf"]:
            self.assertEqual(stranger.get("/api/v1/assets", headers={"Cookie": f"{name}={cookies[name]}x"}).status, 401)
        self.problem(stranger.get("/api/v1/assets", headers={"Authorization": "Bearer " + hatch("a session's token as a bearer's")}), 401)

    @staticmethod
    def totp(secret):
        mac = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), struct.pack(">q", int(time.time()) // 30), hashlib.sha1)
        at = mac[-1] & 15
        return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)

    def restart(self, how, name, **options):
        """The hub ends in this way, its log is kept, and another one goes on."""
        self.hub.http.close()
        self.api.close()
        self.hub.process.end(how)
        self.logs[name] = self.hub.process.text()
        self.hub.process.forget()
        self.hub.options.update(options)
        self.hub.start()
        self.api.host, self.api.port = self.hub.http.host, self.hub.http.port

    def stored_tokens(self):
        """What is sealed in the database, opened here."""
        key, found = bytes.fromhex(self.sealing_key), 0
        for tenant, row, column, sealed in self.cluster.sql(
                "select tenant_id, integration_id, c, to_jsonb(i) ->> c from integration_configurations i,"
                " unnest(array['access_token', 'refresh_token', 'hook_secret', 'hook_secret_previous']) c where to_jsonb(i) ->> c <> ''"):
            raw = base64.b64decode(sealed.split(":")[2])
            field = "@" + column.replace("_previous", "")
            plain = AESGCM(key).decrypt(raw[:12], raw[12:], f"{tenant}/{row}/{field}".encode()).decode()
            self.aviary.add(f"{'the webhook secret' if 'hook' in field else 'the ' + column} stored in row {row}", plain.split(" ")[-1])
            found += column == "access_token"
        return found

    def all_that_was_said(self):
        yield from self.logs.items()
        for asked, answer in Recorder.seen:
            yield asked, answer
        for path in ("/metrics", "/readyz?verbose", "/api/v1/audit/export?format=csv", "/api/v1/audit/export", "/api/v1/audit?limit=500", "/api/v1/integrations"):
            answer = self.api.get(path)
            self.assertEqual(answer.status, 200, answer)
            yield path, answer.body
        yield "the database", dump(self.cluster)
        yield "the tenant's export", self.hub.command("tenant", "export", "acme").stdout

    def test_no_canary_is_seen(self):
        providers = self.items("/api/v1/integrations")
        self.assertGreaterEqual(len(providers), 2)
        marker = "Marker" + os.urandom(12).hex()
        for provider in providers:
            with self.subTest(provider["key"]):
                self.provoke(provider)
                self.bad_input(provider)
                if provider["webhook"]:
                    self.knock(*self.webhook(provider["key"] + ":canary"))
        self.aviary.add("NinjaOne's client secret", "sim-ninja-secret")
        self.aviary.add("Tactical's API key", "SIMTACTICALKEYFULLACCESS00000001")
        self.configure_ninja()
        self.configure_ninja("ninjaone:marker", client_id=marker)
        self.configure_tactical()
        for key in ("ninjaone", "tacticalrmm"):
            self.assertEqual(self.sync(key)["status"], "success")
            path, header, secret = self.webhook(key)
            self.knock(path, header, secret)
            rotated = self.ok(self.api.post(f"/api/v1/integrations/{key}/webhook/rotate"))["secret"]
            self.aviary.add(f"the rotated webhook secret of {key}", rotated)
            self.ok(self.api.post(path, b'{"id": 7002, "agent_id": "y"}', headers={header: rotated}), 202)
            self.ok(self.api.post(path, b'{"id": 7003, "agent_id": "z"}', headers={header: secret}), 202)
        self.strangers()
        self.identity_provider()
        self.people()
        self.assertGreaterEqual(self.stored_tokens(), 1)

        self.sim.fault(product="ninja", kind="401", path="/v2/", count=3, after=2)
        self.sim.fault(product="tactical", kind="html200", path="/", count=2, after=1)
        self.sync("ninjaone")
        self.sync("tacticalrmm")
        self.sim.heal()
        self.api.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"})
        self.restart(signal.SIGKILL, "the log in JSON, of a hub that was killed", log_format="logfmt")
        provider = next(p for p in providers if p["key"] == "tacticalrmm")
        self.provoke(provider)
        self.strangers()
        self.sync("ninjaone")
        self.restart(signal.SIGSEGV, "the log in logfmt, of a hub that crashed", log_level="info")
        self.strangers()
        self.stored_tokens()
        said = list(self.all_that_was_said())
        self.restart(signal.SIGTERM, "the log of a hub that was ended")
        said.append(("the last log", self.logs["the log of a hub that was ended"]))

        # The search is able to find: a text that is no secret is in answers, database and log.
        proof = Aviary()
        proof.add("the marker", marker)
        found = {where for where, text in said if proof.sightings(where, text)}
        self.assertIn("the database", found)
        self.assertIn("GET /api/v1/integrations", found)
        self.assertIn("/api/v1/audit/export", found)
        proof.add("what the log tells", "integrations.loaded")
        self.assertTrue(any(proof.sightings(where, text) for where, text in said if "the log in JSON" in where))
        self.assertGreater(len(self.aviary.cores), 60)

        seen = [s for where, text in said for s in self.aviary.sightings(where, text)
                if not any(re.search(name, s.split(" in ")[0]) and re.match(answer, where) for name, answer in BY_DESIGN)]
        self.assertFalse(seen, f"{len(seen)} sightings:\n" + "\n".join(seen))

    def test_the_search_knows_codings(self):
        aviary = Aviary()
        secret = aviary.hatch("it", SPECIAL).encode()
        for text in (secret, b"x" + secret.hex().encode(), secret.hex().upper().encode(), secret[::-1], json.dumps({"a": secret.decode()}).encode(),
                     *(base64.b64encode(b"user:xyz"[:n] + secret + b"!") for n in range(8)),
                     *(base64.urlsafe_b64encode(b"\xfb\xff"[:n] + secret) for n in range(3))):
            self.assertTrue(aviary.sightings("here", b"before " + text + b" after"), text)
        self.assertEqual(aviary.sightings("here", b"Kanari" + b"0" * 24), [])


class Commands(Base):
    """The command line, and what the machine shows of a process."""

    def test_keys_in_the_environment_are_wiped(self):
        aviary = Aviary()
        key = aviary.add("the sealing key", os.urandom(32).hex())
        password = aviary.hatch("the database's password")
        with open(self.cluster.dir + "/conninfo", "w", encoding="ascii") as f:
            f.write(self.cluster.conninfo + " password=" + password + "\n")
        env = {"MSPHUB_KEYS": f"k9:{key},k8:{os.urandom(32).hex()}", "MSPHUB_DATABASE_FILE": self.cluster.dir + "/conninfo"}
        hub = Hub.__new__(Hub)
        hub.cluster, hub.key_file, hub.options = self.cluster, "", {**self.hub.options, "log_level": "debug"}
        hub.env = lambda: env
        hub.start()
        self.addCleanup(hub.close)
        pid = hub.process.process.pid
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                text = f.read()
            self.assertEqual(aviary.sightings(name, text), [])
            self.assertIn({"environ": b"MSPHUB_DATABASE_FILE=", "cmdline": b"serve"}[name], text)
        told = hub.command("check-config").stdout
        self.assertIn("Sealing keys: 2, in the environment variable MSPHUB_KEYS; the current one is k9.", told)
        dumped = hub.command("check-config", "--dump").stdout
        self.assertIn("password=***", dumped)
        api = Recorder(hub.url, {"Authorization": "Bearer " + self.key})
        self.addCleanup(api.close)
        self.assertEqual(api.post("/api/v1/integrations/tacticalrmm:environment/configure",
                                  {"settings": {"base_url": self.sim.tactical, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}}).status, 201)
        hub.process.process.send_signal(signal.SIGHUP)
        eventually(lambda: "config.reloaded" in hub.process.text(), "the configuration is read again")
        rotated = hub.command("rotate-key", "--dry-run", check=False).stdout
        self.assertIn("Key k9 (current): ", rotated)
        for text in (told, dumped, rotated, hub.process.text(), dump(self.cluster)):
            self.assertEqual(aviary.sightings("there", text), [])


class Moved(Base):
    """A sealed value in another place: by a superuser, or from a backup of somebody else."""

    @classmethod
    def build(cls):
        super().build()
        cls.other_key = cls.new_tenant("globex", "Globex MSP")
        cls.globex = cls.connect(cls.other_key)

    def copy(self, column, source, target):
        """From an integration of acme to one of globex, as the superuser; every hub hears of it."""
        row = f"(select to_jsonb(s) from integration_configurations s join tenants u using (tenant_id) where u.slug = 'acme' and s.provider = '{source}' and s.name = '')"
        self.cluster.sql(f"update integration_configurations i set {column.format(row)}"
                         f" from tenants t where t.tenant_id = i.tenant_id and t.slug = 'globex' and i.provider = '{target}'")
        self.cluster.sql("notify msphub_integration, ''")

    def of_globex(self, key):
        return next(i for p in self.globex.get("/api/v1/integrations").json["items"] for i in p["instances"] if i["key"] == key)

    def test_it_does_not_open_there(self):
        self.configure_ninja()
        self.configure_tactical()
        acme, self.__class__.api = self.api, self.globex
        try:
            self.configure_ninja()
            self.configure_tactical()
            hook = self.ok(self.globex.get("/api/v1/integrations/ninjaone/webhook"))
            path = hook["url"][hook["url"].index("/webhooks/"):]

            self.copy("settings = settings || jsonb_build_object('client_secret', {} -> 'settings' -> 'client_secret')", "ninjaone", "ninjaone")
            error = eventually(lambda: self.of_globex("ninjaone")["error_message"], "the hub says that it cannot be opened")
            for word in ("client_secret", "moved here from another place", "enter it anew"):
                self.assertIn(word, error)
            eventually(lambda: "integration.unusable" in self.hub.process.text(), "so does its log")
            tested = self.ok(self.globex.post("/api/v1/integrations/ninjaone/test", {}))
            self.assertFalse(tested["ok"])
            self.assertIn("client_secret", tested["message"])
            refused = self.problem(self.globex.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"}), 422)
            self.assertIn("client_secret", json.dumps(refused))
            self.assertEqual(self.globex.get("/readyz").status, 200)
            # Its webhooks are still kept, and its neighbours work.
            self.ok(self.hub.http.post(path, b'{"id": 1}', headers={hook["header"]: hook["secret"]}), 202)
            self.assertEqual(self.sync("tacticalrmm")["status"], "success")
            self.__class__.api = acme
            self.assertEqual(self.sync("ninjaone")["status"], "success")
            self.assertIsNone(self.instance("ninjaone")["error_message"])
            self.__class__.api = self.globex
            # The mask does not stand for what cannot be opened; the secret itself mends it.
            told = self.problem(self.globex.post("/api/v1/integrations/ninjaone/configure",
                                                 {"settings": {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "****cret"}},
                                                 headers={"If-Match": "*"}), 422)
            self.assertIn("cannot be opened", json.dumps(told))
            self.configure_ninja()
            self.assertEqual(self.sync("ninjaone")["status"], "success")

            # From one field to another of the same integration.
            self.cluster.sql("update integration_configurations i set settings = settings || jsonb_build_object('client_secret', i.hook_secret)"
                             " from tenants t where t.tenant_id = i.tenant_id and t.slug = 'globex' and provider = 'ninjaone'")
            self.cluster.sql("notify msphub_integration, ''")
            eventually(lambda: self.of_globex("ninjaone")["error_message"], "another field's value does not open either")
            self.configure_ninja()

            # A webhook's secret: the sender is told to come again, not that it is wrong; a rotation mends it.
            self.copy("hook_secret = {} ->> 'hook_secret'", "tacticalrmm", "ninjaone")
            error = eventually(lambda: self.of_globex("ninjaone")["error_message"], "a moved webhook secret is told")
            self.assertIn("webhook", error)
            self.assertIn("rotate", error)
            eventually(lambda: self.hub.http.post(path, b'{"id": 2}', headers={hook["header"]: hook["secret"]}).status == 503,
                       "the intake has heard of it, too")
            rotated = self.ok(self.globex.post("/api/v1/integrations/ninjaone/webhook/rotate"))
            self.ok(self.hub.http.post(path, b'{"id": 3}', headers={hook["header"]: rotated["secret"]}), 202)
            self.assertIsNone(self.of_globex("ninjaone")["error_message"])

            # A token that was moved is no token: another one is fetched.
            self.copy("access_token = {} ->> 'access_token'", "ninjaone", "ninjaone")
            self.restart_hub()
            self.assertEqual(self.sync("ninjaone")["status"], "success")
        finally:
            self.__class__.api = acme

    def restart_hub(self):
        self.hub.http.close()
        self.hub.process.close()
        self.hub.start()
        for http in (self.api, self.globex):
            http.close()
            http.host, http.port = self.hub.http.host, self.hub.http.port


if __name__ == "__main__":
    unittest.main(verbosity=2)
