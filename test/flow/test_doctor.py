"""The doctor names what is wrong with an integration, and how to mend it: by REST, and on the command line."""
import unittest

from processes import eventually
from world import World


class Doctor(World):
    hub_options = {"webhook_silence": "1h", "call_backoff": "20ms", "call_attempts": "2", "health_interval": "1d"}

    def setUp(self):
        self.sim.heal()
        for key in ("ninjaone", "tacticalrmm"):
            if self.api.get(f"/api/v1/integrations/{key}").status == 200:
                self.ok(self.api("DELETE", f"/api/v1/integrations/{key}", headers={"If-Match": "*"}))

    def diagnosis(self, key="ninjaone"):
        seen = self.ok(self.api.get(f"/api/v1/integrations/{key}/doctor"))
        levels = [f["level"] for f in seen["findings"]]
        self.assertEqual(levels, sorted(levels, key=["error", "warning", "ok"].index), "the worst comes first")
        self.assertEqual(seen["level"], levels[0])
        for f in seen["findings"]:
            self.assertTrue(f["what"] and (f["mend"] or f["level"] == "ok"), f)
        return seen

    def codes(self, key="ninjaone"):
        return {f["code"]: f for f in self.diagnosis(key)["findings"]}

    def command(self, *argv):
        return self.hub.command("doctor", "--allow-private-networks=yes", "--public-url=https://hub.example.com", *argv, check=False)

    def heard(self, when):
        self.cluster.sql(f"update integration_configurations set last_delivery_at = {when}")

    # --- what the product says ---
    def test_all_is_well(self):
        self.configure_ninja()
        self.assertEqual(self.sync()["status"], "success")
        self.heard("now()")
        self.cluster.sql("update organization_mappings set decision = 'ignored'")
        codes = self.codes()
        self.assertEqual({f["level"] for f in codes.values()} - {"ok"}, {"warning"}, codes)
        self.assertEqual(set(codes) & {"not_encrypted"}, {"not_encrypted"}, codes)  # the simulator speaks http
        self.assertFalse({"webhook_never", "webhook_silent", "organizations_unmapped", "sync_failed", "clock_off", "switched_off"} & set(codes))

    def test_a_client_that_is_not_known_there(self):
        self.configure_ninja(client_id="another-regions-client")
        worst = self.diagnosis()["findings"][0]
        self.assertEqual(worst["level"], "error")
        self.assertIn("region", worst["what"] + worst["mend"])

    def test_what_answers_is_not_the_product(self):
        self.configure_tactical(base_url=f"http://{self.sim.control.host}:{self.sim.control.port}")
        self.assertEqual(self.diagnosis("tacticalrmm")["level"], "error")

    def test_nobody_answers(self):
        self.configure_ninja(base_url="http://127.0.0.1:9")
        self.assertEqual(self.diagnosis()["level"], "error")

    # --- what the hub knows ---
    def test_a_webhook_that_never_came_and_one_that_fell_silent(self):
        self.configure_ninja()
        self.assertIn("webhook/register", self.codes()["webhook_never"]["mend"])
        self.heard("now() - interval '5 hours'")
        codes = self.codes()
        self.assertNotIn("webhook_never", codes)
        self.assertIn("5 hours", codes["webhook_silent"]["what"])
        self.heard("now()")
        self.assertNotIn("webhook_silent", self.codes())

    def test_a_webhook_that_is_registered_elsewhere(self):
        self.configure_ninja()
        self.problem(self.api.post("/api/v1/integrations/ninjaone/webhook/register"), 409)  # no public_url
        self.cluster.sql("update integration_configurations set webhook_registered_at = now() - interval '3 hours',"
                         " webhook_registered_url = 'https://old.example.com/webhooks/ninjaone/x'")
        self.assertIn("webhook_silent", self.codes())  # nothing came since
        done = self.command()
        self.assertIn("webhook_moved", done.stdout)
        self.assertIn("https://old.example.com", done.stdout)

    def test_a_credential_that_ends(self):
        self.configure_ninja()
        self.cluster.sql("update integration_configurations set credential_expires_at = now() + interval '73 hours'")
        self.assertIn("3 days", self.codes()["credential_expires"]["what"])
        self.cluster.sql("update integration_configurations set credential_expires_at = now() - interval '1 hour'")
        self.assertEqual(self.codes()["credential_expired"]["level"], "error")

    def test_a_sync_that_failed_and_organizations_that_belong_to_nobody(self):
        self.configure_ninja()
        self.assertEqual(self.sync()["status"], "success")
        self.assertIn("4 organizations", self.codes()["organizations_unmapped"]["what"])
        self.sim.fault(product="ninjaone", path="/v2/organizations", kind="403", count=1000)
        ended = self.sync()
        self.sim.heal()
        code = {"failed": "sync_failed", "partial": "sync_partial"}[ended["status"]]
        self.assertIn(code, self.codes())
        self.assertEqual(self.sync()["status"], "success")
        self.assertNotIn(code, self.codes())

    def test_one_that_is_switched_off(self):
        self.configure_ninja()
        self.ok(self.api.post("/api/v1/integrations/ninjaone/reconfigure", {"enabled": False}, headers={"If-Match": "*"}))
        self.assertIn("switched_off", self.codes())

    def test_a_dead_grant(self):
        self.configure_ninja(grant="authorization_code", refresh_token="long-used-up")
        eventually(lambda: "reconnect_required" in self.codes() or None, "the product has refused it")
        self.assertEqual(self.codes()["reconnect_required"]["level"], "error")

    # --- on the command line ---
    def test_the_command_says_the_same_and_its_exit_tells(self):
        self.configure_ninja()
        self.sync()
        done = self.command()
        self.assertEqual(done.returncode, 2, done)
        for word in ("key_file", "database", "schema is current", "acme/ninjaone", "webhook_never", "organizations_unmapped"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("no_public_url", done.stdout)
        self.assertIn("no_public_url", self.command("--public-url=").stdout)
        self.assertIn("public_url_not_encrypted", self.command("--public-url=http://hub.example.com").stdout)
        self.configure_ninja(client_id="nobody")
        self.assertEqual(self.command("--tenant", "acme", "--integration", "ninjaone").returncode, 1)
        self.assertNotIn("ninjaone", self.command("--integration", "tacticalrmm").stdout)
        self.assertEqual(self.command("--tenant", "nobody").returncode, 1)

    def test_the_command_without_a_database_or_a_key(self):
        done = self.command("--database=host=/nonexistent")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("database", done.stdout)
        done = self.command("--key-file=/nonexistent")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("/nonexistent", done.stdout)


if __name__ == "__main__":
    unittest.main()
