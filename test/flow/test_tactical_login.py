"""Tactical RMM with user and password: one login for many calls, one renewal after a refusal, and never a storm of them."""
import json
import unittest

import provider_spec
from processes import eventually
from world import World

PASSWORD = "Held0ut!pass"
SETUP_KEY = "jbsw y3dp ehpk 3pxp"


class TacticalLogin(World):
    sim_flags = ("--seed", "7", "--ninja-devices", "1", "--tactical-agents", "12", "--tactical-clients", "3")
    hub_options = {"call_backoff": "20ms", "call_max_wait": "1s"}

    def setUp(self):
        self.sim.command("PATCH", "/control/tactical/settings", {"forget_logins": True})
        self.sim.command("DELETE", "/control/requests/tacticalrmm")

    def tearDown(self):
        self.sim.heal()
        provider_spec.check(self.sim, "tacticalrmm")

    def login_settings(self, **settings):
        values = {"base_url": self.sim.tactical, "auth": "login", "username": "tactical", "password": PASSWORD, "totp_secret": SETUP_KEY}
        values.update(settings)
        return {k: v for k, v in values.items() if v is not None}

    def login(self, key, **settings):
        return self.configure(key, self.login_settings(**settings))

    def logins(self, part):
        """First steps of a login whose body has this; others' checks go on beside a test."""
        kept = self.sim.command("GET", "/control/requests/tacticalrmm")["requests"]
        return sum(r["target"] == "/v2/checkcreds/" and part in r["body"] for r in kept)

    def token(self, name):
        """Sealed, so it is another text whenever one was stored anew."""
        return self.cluster.value(f"select access_token from integration_configurations where name = '{name}'")

    def test_one_login_serves_many_runs(self):
        self.login("tacticalrmm:many")
        tokens = set()
        for _ in range(3):
            run = self.sync("tacticalrmm:many")
            self.assertEqual((run["status"], run["counters"]["failed"]), ("success", 0), run)
            tokens.add(self.token("many"))
        self.assertEqual(len(tokens), 1)

    def test_a_user_without_a_second_factor_needs_one_step(self):
        self.login("tacticalrmm:plain", username="nototp", totp_secret=None)
        for _ in range(2):
            self.assertEqual(self.sync("tacticalrmm:plain")["status"], "success")
        self.assertEqual(self.logins('"nototp"'), 1)

    def test_a_token_that_dies_is_renewed_once(self):
        self.login("tacticalrmm:dies")
        self.assertEqual(self.sync("tacticalrmm:dies")["status"], "success")
        before = self.token("dies")
        self.sim.fault(product="tactical", path="/beta/v1/agent/", kind="expire_token", count=1)
        run = self.sync("tacticalrmm:dies")
        self.assertEqual(run["status"], "success", run)
        self.assertNotEqual(self.token("dies"), before)

    def test_a_token_that_is_always_refused_is_renewed_once_a_run(self):
        self.login("tacticalrmm:refused")
        # the check of a new integration asks for alerts, too
        eventually(lambda: self.ok(self.api.get("/api/v1/integrations/tacticalrmm:refused"))["last_health_check"], "it is checked")
        self.sim.fault(product="tactical", path="/alerts/", kind="401", count=1000)
        run = self.sync("tacticalrmm:refused", mode="full", kinds=["alerts"])
        self.assertEqual(run["status"], "failed", run)
        self.assertIn("refuses the token that it has just given", json.dumps(run))
        self.assertEqual(run["calls"], 2, run)

    def test_a_missing_right_is_no_reason_to_log_in_again(self):
        self.login("tacticalrmm:right")
        self.assertEqual(self.sync("tacticalrmm:right")["status"], "success")
        before = self.token("right")
        self.sim.command("PATCH", "/control/tactical/settings", {"missing": ["can_list_alerts"]})
        self.addCleanup(self.sim.command, "PATCH", "/control/tactical/settings", {"missing": []})
        run = self.sync("tacticalrmm:right")
        self.assertEqual(run["status"], "partial", run)
        self.assertIn("can_list_alerts", json.dumps(run))
        self.assertEqual(self.token("right"), before)

    def test_a_wrong_password_is_tried_once(self):
        self.login("tacticalrmm:wrong", password="no")
        for _ in range(3):
            run = self.sync("tacticalrmm:wrong")
            self.assertEqual(run["status"], "failed")
            self.assertIn("the password is wrong", json.dumps(run))
        self.assertEqual(self.logins('"no"'), 1)
        self.login("tacticalrmm:wrong")
        self.assertEqual(self.sync("tacticalrmm:wrong")["status"], "success")

    def test_each_fault_of_a_login_is_told_apart(self):
        for settings, says in (({"password": "no"}, "the password is wrong"),
                               ({"totp_secret": "AAAAAAAAAAAAAAAA"}, "the password is right and the code is not"),
                               ({"totp_secret": None}, "this user has a second factor")):
            answer = self.ok(self.api.post("/api/v1/integrations/tacticalrmm/test", {"settings": self.login_settings(**settings)}))
            self.assertFalse(answer["ok"])
            self.assertIn(says, answer["message"])
        good = self.ok(self.api.post("/api/v1/integrations/tacticalrmm/test", {"settings": self.login_settings()}))
        self.assertTrue(good["ok"], good)

    def test_settings_that_do_not_go_together_are_refused(self):
        for settings, field in (({"password": None}, "/password"), ({"username": None}, "/username"),
                                ({"totp_secret": "123456"}, "/totp_secret"), ({"auth": "api_key"}, "/api_key")):
            problem = self.problem(self.api.post("/api/v1/integrations/tacticalrmm:never/configure",
                                                 {"settings": self.login_settings(**settings)}), 422)
            self.assertEqual([e["pointer"] for e in problem["errors"]], ["/settings" + field], problem)

    def test_the_throttle_of_logins_is_waited_for(self):
        """Ten a minute are allowed: the eleventh is refused, and nobody asks a twelfth time before the product wants it."""
        for _ in range(10):
            self.ok(self.api.post("/api/v1/integrations/tacticalrmm/test", {"settings": self.login_settings(password="no")}))
        answer = self.ok(self.api.post("/api/v1/integrations/tacticalrmm/test", {"settings": self.login_settings(username="nototp")}))
        self.assertFalse(answer["ok"])
        self.assertIn("ten logins a minute", answer["message"] + json.dumps(answer))
        self.assertEqual(self.logins('"nototp"'), 1)

    def test_nothing_secret_is_shown_or_kept(self):
        self.login("tacticalrmm:secret")
        self.assertEqual(self.sync("tacticalrmm:secret")["status"], "success")
        shown = json.dumps(self.ok(self.api.get("/api/v1/integrations/tacticalrmm:secret")))
        dump = json.dumps(self.cluster.sql("select to_jsonb(t) from integration_configurations t"))
        token = eventually(lambda: self.cluster.value("select access_token from integration_configurations where name = 'secret'"),
                           "the token is stored")
        self.assertNotIn("Token", token)
        for text in (shown, dump, self.hub.process.text()):
            for secret in (PASSWORD, SETUP_KEY, "JBSWY3DPEHPK3PXP"):
                self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
