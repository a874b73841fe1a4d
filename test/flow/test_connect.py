"""Connecting NinjaOne in the browser: the way there and back and every way in which it must fail; the webhook that is registered with it,
and told again when its secret is exchanged; a grant that dies, and how connecting again heals."""
import json
import socket
import unittest
import urllib.parse

import provider_spec
from processes import Http, Hub, eventually
from world import World

FLOW = "__Host-msphub_connect"
PASSWORD = "a quiet tin drum"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def path_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.path + ("?" + parts.query if parts.query else "")


class Browser:
    """Cookies and the session's token; no redirect followed by itself."""

    def __init__(self, url):
        self.http, self.cookies, self.csrf = Http(url), {}, ""

    def __call__(self, method, path, body=None):
        headers = {"X-CSRF-Token": self.csrf}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.http(method, path, body, headers=headers)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            pair, *attributes = cookie.split("; ")
            name, value = pair.split("=", 1)
            assert {"Path=/", "Secure", "HttpOnly"} <= set(attributes) and name.startswith("__Host-"), cookie
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def close(self):
        self.http.close()


class Connect(World):
    @classmethod
    def build(cls):
        cls.hub_options = {"listen": f"127.0.0.1:{(port := free_port())}", "public_url": f"http://127.0.0.1:{port}/", "reuse_port": "yes",
                           "password_memory": "8m", "password_passes": "1", "sign_in_per_address": "1000000", "health_interval": "1s",
                           "call_backoff": "20ms"}
        super().build()
        for role in ("admin", "operator"):
            body = {"email": f"{role}@example.org", "role": role, "password": PASSWORD}
            assert cls.api.post("/api/v1/users", body).status == 201
        cls.cluster.sql("update users set must_change_password = false")

    def setUp(self):
        seen = self.api.get("/api/v1/integrations/ninjaone")
        if seen.status == 200:
            self.ok(self.api("DELETE", "/api/v1/integrations/ninjaone", headers={"If-Match": "*"}))
        self.sim.heal()
        self.sim.command("PATCH", "/control/ninja/settings", {"webhook_needs_admin": False, "token_life": 3600})
        self.sim.control("DELETE", "/control/requests/ninjaone")
        self.configure_ninja(grant="authorization_code", scope="monitoring management")
        self.ada = self.browser("admin")

    def tearDown(self):
        provider_spec.check(self.sim, "ninjaone")

    def browser(self, role, url=None):
        browser = Browser(url or self.hub.url)
        self.addCleanup(browser.close)
        browser.csrf = self.ok(browser("POST", "/api/v1/session", {"tenant": "acme", "email": f"{role}@example.org", "password": PASSWORD}))["csrf_token"]
        return browser

    def begin(self, browser=None, **body):
        return self.ok((browser or self.ada)("POST", "/api/v1/integrations/ninjaone/connect", body))

    def at_the_product(self, authorize_url):
        """The path that the product sends the browser back to."""
        self.assertTrue(authorize_url.startswith(self.sim.ninja), authorize_url)
        product = Http(self.sim.ninja)
        self.addCleanup(product.close)
        answer = product.get(path_of(authorize_url))
        self.assertEqual(answer.status, 302, answer)
        return path_of(answer.headers["Location"])

    def come_back(self, back, status=200, browser=None):
        answer = (browser or self.ada)("GET", back)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        return answer.body.decode()

    def connect_all_the_way(self, **body):
        return self.come_back(self.at_the_product(self.begin(**body)["authorize_url"]))

    def state(self):
        return self.ok(self.api.get("/api/v1/integrations/ninjaone/connect"))

    def webhook(self):
        return self.ok(self.api.get("/api/v1/integrations/ninjaone/webhook"))

    def told(self, method="PUT"):
        """What the product was told of the webhook, each time."""
        asked = self.sim.command("GET", "/control/requests/ninjaone")["requests"]
        return [json.loads(a["body"]) if a["body"] else None for a in asked if a["method"] == method and a["target"].endswith("/v2/webhook")]

    def audit(self):
        return [row["action"] for row in reversed(self.items("/api/v1/integrations/ninjaone/audit"))]

    def alerts(self):
        return {a["type"] for a in self.items("/api/v1/alerts?state=open") if a["series"].startswith("msphub:")}

    # --- there and back ---
    def test_the_whole_way(self):
        before = self.state()
        self.assertEqual((before["supported"], before["wanted"], before["connected"]), (True, True, False))
        self.assertEqual(before["redirect_uri"], self.hub.url.rstrip("/") + "/oauth/ninjaone/callback")
        begun = self.begin(return_to="/console/integrations?a=1&b=2")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(begun["authorize_url"]).query)
        self.assertEqual(query["redirect_uri"], [before["redirect_uri"]])
        self.assertEqual(query["scope"], ["monitoring management offline_access"])
        self.assertEqual(query["code_challenge_method"], ["S256"])
        page = self.come_back(self.at_the_product(begun["authorize_url"]))
        self.assertIn("NinjaOne is connected", page)
        self.assertIn("Its webhook is registered.", page)
        self.assertIn('href="/console/integrations?a=1&amp;b=2"', page)
        self.assertNotIn(FLOW, self.ada.cookies)
        after = self.state()
        self.assertEqual((after["connected"], after["connected_by"], after["reconnect_required"]), (True, "admin@example.org", False))
        self.assertEqual(self.sync()["status"], "success")
        eventually(lambda: self.ok(self.api.get("/api/v1/integrations/ninjaone"))["status"] == "active", "it is active")
        self.assertIn("integration.connected", self.audit())
        self.assertIn("integration.webhook_registered", self.audit())
        log = self.hub.process.text()
        for secret in (query["state"][0], self.webhook()["secret"], "refresh_token=", "code="):
            self.assertNotIn(secret, log)

    def test_the_webhook_comes_and_is_told_again_when_its_secret_is_exchanged(self):
        self.connect_all_the_way()
        hook = self.webhook()
        self.assertEqual((hook["registered_by"], hook["registered_url"], hook["registration_error"]), ("admin@example.org", hook["url"], None))
        self.assertEqual(self.told()[-1]["headers"], [{"name": "X-Msphub-Secret", "value": hook["secret"]}])
        self.sync()
        self.sim.command("POST", "/control/ninja/alerts", {"action": "trigger", "deviceId": self.device()})
        self.delivered(1)
        rotated = self.ok(self.api.post("/api/v1/integrations/ninjaone/webhook/rotate"))
        self.assertNotEqual(rotated["secret"], hook["secret"])
        self.assertEqual(self.told()[-1]["headers"][0]["value"], rotated["secret"])
        self.assertGreater(rotated["registered_at"], hook["registered_at"])
        self.sim.command("POST", "/control/ninja/alerts", {"action": "trigger", "deviceId": self.device()})
        self.delivered(2)
        self.assertEqual(self.sim.stats()["ninjaone"]["webhooks"]["by_status"].get("401", 0), 0)

    def device(self):
        return int(self.cluster.value("select min(external_id::bigint) from asset_sources"))

    def delivered(self, n):
        def come():
            found = [d for d in self.items("/api/v1/integrations/ninjaone/deliveries") if d["type"] == "CONDITION.TRIGGERED"]
            return len(found) >= n and all(d["status"] == "done" for d in found)
        eventually(come, f"{n} deliveries are applied")

    def test_a_rotation_that_the_product_does_not_hear_of_is_told(self):
        self.connect_all_the_way()
        registered = self.webhook()["registered_at"]
        self.sim.fault(product="ninjaone", path="/v2/webhook", kind="403", count=100)
        rotated = self.ok(self.api.post("/api/v1/integrations/ninjaone/webhook/rotate"))
        self.assertIn("System Administrator", rotated["registration_error"])
        self.assertEqual((rotated["registered_at"], rotated["previous_secrets"]), (registered, 1))
        problem = self.problem(self.api.post("/api/v1/integrations/ninjaone/webhook/register"), 502)
        self.assertTrue(problem["type"].endswith("product_refused"), problem)
        self.sim.heal()
        again = self.ok(self.api.post("/api/v1/integrations/ninjaone/webhook/register"))
        self.assertIsNone(again["registration_error"])
        self.assertEqual(self.told()[-1]["headers"][0]["value"], rotated["secret"])
        gone = self.ok(self.api("DELETE", "/api/v1/integrations/ninjaone/webhook/register"))
        self.assertIsNone(gone["registered_at"])
        self.assertEqual(self.told("DELETE"), [None])

    def test_a_webhook_that_cannot_be_registered_does_not_spoil_the_connection(self):
        self.sim.fault(product="ninjaone", path="/v2/webhook", kind="403", count=100)
        page = self.connect_all_the_way()
        self.assertIn("NinjaOne is connected", page)
        self.assertIn("Its webhook could not be registered", page)
        self.assertTrue(self.state()["connected"])
        self.assertIsNone(self.webhook()["registered_at"])

    # --- every way in which it must fail ---
    def test_a_state_is_good_once(self):
        back = self.at_the_product(self.begin()["authorize_url"])
        flow = self.ada.cookies[FLOW]
        self.come_back(back)
        self.come_back(back, 400)  # the browser forgot it
        self.ada.cookies[FLOW] = flow
        self.assertIn("used before", self.come_back(back, 400))

    def test_only_the_browser_and_the_session_that_asked(self):
        back = self.at_the_product(self.begin()["authorize_url"])
        other = self.browser("admin")
        self.come_back(back, 400, other)  # another browser, signed in as the same person
        other.cookies[FLOW] = self.ada.cookies[FLOW]
        self.assertIn("another session", self.come_back(back, 400, other))
        stranger = Browser(self.hub.url)
        self.addCleanup(stranger.close)
        stranger.cookies[FLOW] = self.ada.cookies[FLOW]
        self.assertIn("not signed in", self.come_back(back, 403, stranger))
        wrong = back.replace("state=", "state=x")
        flow = self.ada.cookies[FLOW]
        self.come_back(wrong, 400)
        self.ada.cookies[FLOW] = flow
        self.come_back(back)  # none of this has spent it

    def test_another_process_takes_the_answer(self):
        back = self.at_the_product(self.begin()["authorize_url"])
        other = Hub(self.cluster, self.key_file, **{**self.hub_options, "listen": "127.0.0.1:0"})
        self.addCleanup(other.close)
        elsewhere = Browser(other.url)
        self.addCleanup(elsewhere.close)
        elsewhere.cookies = dict(self.ada.cookies)
        self.come_back(back, 200, elsewhere)
        self.come_back(back, 400)  # and it is spent here as well

    def test_settings_that_were_changed_meanwhile(self):
        back = self.at_the_product(self.begin()["authorize_url"])
        self.configure_ninja(grant="authorization_code", scope="monitoring")
        self.assertIn("changed meanwhile", self.come_back(back, 409))
        self.assertFalse(self.state()["connected"])

    def test_what_the_product_refuses(self):
        begun = self.begin(return_to="/console")
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(begun["authorize_url"]).query)["state"][0]
        page = self.come_back(f"/oauth/ninjaone/callback?state={state}&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E", 403)
        self.assertIn("access_denied, &lt;script&gt;", page)
        self.assertNotIn("<script", page)
        self.assertIn('href="/console"', page)
        begun = self.begin()
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(begun["authorize_url"]).query)["state"][0]
        self.assertIn("invalid_grant", self.come_back(f"/oauth/ninjaone/callback?state={state}&code=made-up", 403))
        begun = self.begin()
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(begun["authorize_url"]).query)["state"][0]
        self.come_back(f"/oauth/ninjaone/callback?state={state}", 400)
        self.assertFalse(self.state()["connected"])

    def test_who_may_not_and_what_cannot(self):
        problem = self.problem(self.api.post("/api/v1/integrations/ninjaone/connect", {}), 403)  # an API key has no browser
        self.assertTrue(problem["type"].endswith("needs_session"))
        self.problem(self.browser("operator")("POST", "/api/v1/integrations/ninjaone/connect", {}), 403)
        for bad in ("https://evil.example", "//evil.example", "/\\evil.example", 7, ""):
            self.problem(self.ada("POST", "/api/v1/integrations/ninjaone/connect", {"return_to": bad}), 422)
        self.configure_ninja(grant="client_credentials", scope="monitoring")
        problem = self.problem(self.ada("POST", "/api/v1/integrations/ninjaone/connect", {}), 409)
        self.assertTrue(problem["type"].endswith("not_wanted"))
        self.assertFalse(self.state()["wanted"])
        self.come_back("/oauth/nowhere/callback", 404)

    # --- the end, and what comes after ---
    def test_disconnecting_forgets_and_connecting_again_brings_it_back(self):
        self.connect_all_the_way()
        self.assertEqual(self.sync()["status"], "success")
        ended = self.ok(self.api("DELETE", "/api/v1/integrations/ninjaone/connect"))
        self.assertEqual(ended, {"connected": False, "webhook_removed": True, "webhook_error": None})
        self.assertEqual(self.told("DELETE"), [None])
        row = self.cluster.sql("select access_token is null and refresh_token is null, enabled, status from integration_configurations")[0]
        self.assertEqual(row, ["t", "f", "not_configured"])
        self.assertFalse(self.state()["connected"])
        self.assertIn("integration.disconnected", self.audit())
        self.connect_all_the_way()
        self.assertTrue(self.ok(self.api.get("/api/v1/integrations/ninjaone"))["enabled"])
        self.assertEqual(self.sync()["status"], "success")

    def test_a_webhook_that_cannot_be_removed_is_told(self):
        self.connect_all_the_way()
        self.sim.fault(product="ninjaone", path="/v2/webhook", kind="403", count=100)
        ended = self.ok(self.api("DELETE", "/api/v1/integrations/ninjaone/connect"))
        self.assertFalse(ended["webhook_removed"])
        self.assertIn("System Administrator", ended["webhook_error"])
        self.assertFalse(self.state()["connected"])

    def test_a_dead_grant_is_told_once_and_connecting_again_heals(self):
        self.connect_all_the_way()
        self.assertEqual(self.sync()["status"], "success")
        eventually(lambda: self.ok(self.api.get("/api/v1/integrations/ninjaone"))["status"] == "active", "it is active")
        self.sim.command("POST", "/control/ninja/tokens/expire", {"refresh": True})
        self.assertEqual(self.sync()["status"], "failed")
        state = eventually(lambda: (s := self.state())["reconnect_required"] and s, "reconnect required")
        self.assertIn("reconnect required", state["reason"])
        self.assertEqual(self.ok(self.api.get("/api/v1/integrations/ninjaone"))["status"], "error")
        eventually(lambda: "integration_error" in self.alerts(), "an alert of its own")
        moved = [r for r in self.items("/api/v1/integrations/ninjaone/audit") if r["action"] == "integration.status_changed" and r["after"]["status"] == "error"]
        self.assertEqual(len(moved), 1, moved)
        self.connect_all_the_way()
        self.assertFalse(self.state()["reconnect_required"])
        self.assertEqual(self.sync()["status"], "success")
        eventually(lambda: self.ok(self.api.get("/api/v1/integrations/ninjaone"))["status"] == "active", "it is active again")
        eventually(lambda: not self.alerts(), "the alert is resolved")


if __name__ == "__main__":
    unittest.main()
