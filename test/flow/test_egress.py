"""Where the hub may call: nothing private unless the operator says so, changed without a restart, told with its mend."""
import json
import os
import signal
import tempfile
import unittest

from processes import eventually
from world import World


class Egress(World):
    @classmethod
    def build(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
            cls.config = f.name
        cls.addClassCleanup(os.unlink, cls.config)
        cls.hub_options = {"config": cls.config, "allow_private_networks": "no", "call_attempts": "1"}
        cls.configuration("private_networks = 10.1.2.0/24\n", reload=False)
        super().build()

    @classmethod
    def configuration(cls, text, reload=True):
        with open(cls.config, "w", encoding="ascii") as f:
            f.write(text)
        if reload:
            seen = cls.hub.process.text().count("event\":\"config.")
            cls.hub.process.process.send_signal(signal.SIGHUP)
            eventually(lambda: cls.hub.process.text().count("event\":\"config.") > seen, "the configuration is read again")

    def faults(self, url):
        problem = self.problem(self.api.post("/api/v1/integrations/tacticalrmm/configure",
                                             {"settings": {"base_url": url, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}}), 422)
        return json.dumps(problem["errors"])

    def test_only_what_the_operator_lets(self):
        told = self.faults(self.sim.tactical)
        self.assertIn("/settings/base_url", told)
        self.assertIn("127.0.0.1 is an address of a private network; if the hub may call it, add 127.0.0.1/32 to private_networks", told)
        for odd in ("http://2130706433", "http://0x7f.1", "http://0177.0.0.1", "http://127.1", "https://localhost.", "https://[::ffff:127.0.0.1]", "https://[::1%25lo]",
                    "https://user@127.0.0.1", "https://169.254.169.254"):
            self.assertIn("/settings/base_url", self.faults(odd))
        # A name says nothing before it is resolved: then it is refused.
        named = self.sim.tactical.replace("127.0.0.1", "localhost")
        self.ok(self.api.post("/api/v1/integrations/tacticalrmm:named/configure", {"settings": {"base_url": named, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}}))
        before = self.sim.stats()
        run = self.sync("tacticalrmm:named")
        self.assertEqual(run["status"], "failed")
        self.assertRegex(run["error"], r"localhost is (127\.0\.0\.1|::1), an address of a private network; if the hub may call it, add .* to private_networks")
        self.assertEqual(self.sim.stats(), before)

        self.configuration("private_networks = 10.1.2.0/24, 127.0.0.0/9, ::1\n")
        self.configure_tactical()
        self.assertEqual(self.sync("tacticalrmm")["status"], "success")
        self.assertEqual(self.sync("tacticalrmm:named")["status"], "success")

        self.configuration("private_networks = 10.1.2.0/24, 127.0.0.1/9\n")  # refused: what was stays
        self.assertIn("config.refused", self.hub.process.text())
        self.assertEqual(self.sync("tacticalrmm")["status"], "success")

        self.configuration("")
        refused = self.problem(self.api.post("/api/v1/integrations/tacticalrmm/test", {"settings": {"base_url": self.sim.tactical, "api_key": "x" * 32}}), 422)
        self.assertIn("https://", json.dumps(refused))
        tested = self.ok(self.api.post("/api/v1/integrations/tacticalrmm/test", {}))
        self.assertFalse(tested["ok"])
        self.assertIn("private_networks", tested["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
