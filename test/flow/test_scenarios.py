"""Seeded random scenarios: a fleet that changes, faults at any call, syncs in between. Whatever happened, two clean syncs after the faults
end the inventory is the fleet, and no device that was there all the time was ever retired. MSPHUB_SCENARIOS adds that many seeds."""
import os
import random
import unittest

from world import World

SEEDS = [1, 2, 3, 5, 8, 13]
KINDS = ["429", "429_no_retry_after", "500", "503", "401", "403", "404", "expire_token", "html200", "truncate", "malformed", "drop",
         "wrong_total", "stuck_cursor", "repeat_page", "omit_rows", "shuffle"]
PATHS = ["/v2/", "/v2/devices-detailed", "/v2/organizations", "/v2/locations", "/v2/queries/", "/v2/alerts", "/v2/activities", "/ws/oauth/token"]
STEPS = 5


class Scenarios(World):
    sim_flags = ("--seed", "21", "--ninja-devices", "60", "--ninja-orgs", "4", "--tactical-agents", "1", "--tactical-clients", "1")
    hub_options = {"call_attempts": "2", "call_backoff": "10ms", "call_timeout": "2s", "call_max_wait": "2s", "call_rate_least": "100000", "retire_brake": "100"}

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_fixed_seeds")
        world.configure_ninja()
        assert world.sync()["status"] == "success"
        cls.removed = set()

    def live(self):
        """External ids of the inventory, as SQL and as REST count them."""
        rows = self.cluster.sql("select s.external_id from asset_sources s join assets a using (tenant_id, asset_id) "
                                "where s.retired_at is null and a.retired_at is null")
        self.assertEqual(len(rows), len(self.items("/api/v1/assets?provider=ninjaone&limit=500")))
        return {r[0] for r in rows}

    def retired(self):
        return {r[0] for r in self.cluster.sql("select external_id from asset_sources where retired_at is not null")}

    def change(self, dice):
        present = sorted(self.live() - self.removed, key=int)
        what = dice.choice(["create", "rename", "remove", "none"])
        if what == "create":
            self.sim.command("POST", "/control/ninja/devices", {"count": dice.randint(1, 4), "nodeClass": "WINDOWS_SERVER"})
        elif what == "rename":
            self.sim.command("PATCH", f"/control/ninja/devices/{dice.choice(present)}", {"displayName": f"R{dice.randint(1, 10**6)} Größe"})
        elif what == "remove" and len(present) > 30:
            for device in dice.sample(present, dice.randint(1, 3)):
                self.sim.command("DELETE", f"/control/ninja/devices/{device}")
                self.removed.add(device)
        return what

    def play(self, seed):
        dice, told = random.Random(seed), []
        for _ in range(STEPS):
            told.append(self.change(dice))
            for _ in range(dice.randint(1, 3)):
                fault = {"product": "ninja", "kind": dice.choice(KINDS), "path": dice.choice(PATHS), "count": dice.choice([1, 2, 5, 100]),
                         "after": dice.randint(0, 3)}
                self.sim.fault(**fault)
                told.append(fault)
            run = self.sync(mode=dice.choice(["full", "full", "incremental"]))
            told.append((run["mode"], run["status"]))
            self.sim.heal()
            self.assertEqual(self.retired() - self.removed, set(), f"seed {seed}: falsely retired after {told}")
        for _ in range(2):
            run = self.sync()
            self.assertEqual(run["status"], "success", f"seed {seed}: {told}: {run}")
        summary = self.sim.command("GET", "/control/ninja/summary")
        live = self.live()
        self.assertEqual(len(live), summary["devices"],
                         f"seed {seed}: {told}: {summary}")
        self.assertEqual(live & self.removed, set(), f"seed {seed}: gone upstream, still here: {told}")
        self.assertEqual(self.retired() - self.removed, set(), f"seed {seed}: falsely retired: {told}")

    def test_fixed_seeds(self):
        for seed in SEEDS + list(range(1000, 1000 + int(os.environ.get("MSPHUB_SCENARIOS", "0")))):
            with self.subTest(seed=seed):
                self.play(seed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
