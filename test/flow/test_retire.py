"""Nothing is falsely deleted: what does not prove completeness retires nothing, the brake stops masses, every retirement is undone."""
import unittest

from world import World


class Retire(World):
    hub_options = {"call_attempts": "2", "call_backoff": "10ms"}

    def setUp(self):
        self.configure_ninja()
        self.assertEqual(self.sync()["status"], "success")

    def live(self):
        return {a["name"] for a in self.items("/api/v1/assets?provider=ninjaone")}

    def external(self, n):
        return self.cluster.value(f"select external_id from asset_sources where retired_at is null order by external_id::bigint desc offset {n} limit 1")

    def remove(self, *devices):
        for device in devices:
            self.sim.command("DELETE", f"/control/ninja/devices/{device}")

    def test_after_two_complete_lists_and_undone(self):
        before = self.live()
        self.remove(self.external(0))
        self.assertEqual(self.sync()["counters"]["retired"], 0)
        self.assertEqual(self.live(), before)
        run = self.sync()
        self.assertEqual(run["counters"]["retired"], 1, run)
        self.assertEqual(len(self.live()), len(before) - 1)
        undone = self.ok(self.api.post(f"/api/v1/integrations/ninjaone/runs/{run['id']}/undo"))
        self.assertEqual(undone["restored"], 1)
        self.assertEqual(self.live(), before)
        self.sync()
        self.sync()  # gone again, so that the next test starts from what is there

    def test_lists_that_prove_nothing_retire_nothing(self):
        before = self.live()
        for kind in ("truncate", "500", "repeat_page", "stuck_cursor", "html200", "malformed", "drop", "403"):
            with self.subTest(kind):
                for _ in range(2):
                    self.sim.fault(product="ninja", path="/v2/devices-detailed", kind=kind, count=50)
                    run = self.sync()
                    self.sim.heal()
                    self.assertEqual(run["counters"]["retired"], 0, run)
                    self.assertIn(run["status"], ("partial", "failed"), run)
                self.assertEqual(self.live(), before)

    def test_the_brake(self):
        before = self.live()
        self.remove(*[self.external(n) for n in range(20)])
        self.sync()
        run = self.sync()
        self.assertEqual(run["counters"]["retired"], 0, run)
        self.assertEqual(run["status"], "partial")
        self.assertIn("brake", str(run).lower())
        self.assertEqual(self.live(), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
