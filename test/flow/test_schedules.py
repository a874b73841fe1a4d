"""Schedules: what is refused and how it is said, when runs come, which kinds they read."""
import datetime
import unittest

from processes import eventually
from world import World

ALERTS = {"name": "alerts", "mode": "incremental", "kinds": ["alerts"], "interval": 300}
NIGHTLY = {"name": "nightly", "mode": "full", "cron": "30 2 * * *", "time_zone": "Europe/Berlin", "splay": 600}
WEEKLY = {"name": "weekly", "mode": "full", "kinds": ["organizations", "devices"], "cron": "@weekly"}


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Schedules(World):
    def shown(self, key="ninjaone"):
        return self.ok(self.api.get(f"/api/v1/integrations/{key}"))

    def edit(self, body, key="ninjaone"):
        return self.api.post(f"/api/v1/integrations/{key}/reconfigure", body, headers={"If-Match": "*"})

    def idle(self):
        """No run is on its way, and none is due."""
        eventually(lambda: self.cluster.value("select count(*) from integration_sync_history where status in ('queued', 'running')") == "0"
                   and self.cluster.value("select count(*) from integration_configurations where next_sync_at <= now()") == "0", "all is idle")

    def newest(self):
        return int(self.cluster.value("select coalesce(max(run_id), 0) from integration_sync_history"))

    def runs_since(self, run_id, count):
        """The runs behind this one, once there are so many and all are over: (schedule, mode, kinds)."""
        def over():
            runs = [r for r in self.items("/api/v1/integrations/ninjaone/runs") if r["id"] > run_id]
            return runs if len(runs) >= count and all(r["finished_at"] for r in runs) else None
        return [(r["schedule"], r["mode"], r["kinds"]) for r in reversed(eventually(over, f"{count} runs behind {run_id} are over"))]

    def make_due(self, *places):
        """As if the time had come."""
        sets = ", ".join(f"schedule_next[{p}] = now() - interval '{10 - i} s'" for i, p in enumerate(places))
        self.cluster.sql(f"update integration_configurations set {sets}, next_sync_at = now() - interval '1 s' where provider = 'ninjaone'; "
                         "notify msphub_run")

    def test_what_cannot_be_is_refused_with_its_place(self):
        self.configure_ninja()
        self.ok(self.edit({"schedules": None}))
        cases = [
            ([], "/schedules", "must be a list of schedules"),
            ("hourly", "/schedules", "must be a list of schedules"),
            ([5], "/schedules/0", "must be an object"),
            ([{**ALERTS, "every": 5}], "/schedules/0", "known members are"),
            ([{**ALERTS, "name": ""}], "/schedules/0/name", "1 to 64 bytes"),
            ([ALERTS, ALERTS], "/schedules/1/name", "another one's"),
            ([{**ALERTS, "mode": "single"}], "/schedules/0/mode", "full or incremental"),
            ([{**ALERTS, "kinds": ["backups"]}], "/schedules/0/kinds", "NinjaOne can be asked for organizations"),
            ([{**ALERTS, "kinds": []}], "/schedules/0/kinds", "must be a list"),
            ([{**ALERTS, "interval": 59}], "/schedules/0/interval", "60 to 2592000"),
            ([{**ALERTS, "cron": "@daily"}], "/schedules/0", "either interval (seconds) or cron"),
            ([{"name": "x", "mode": "full"}], "/schedules/0", "either interval (seconds) or cron"),
            ([{**ALERTS, "time_zone": "UTC"}], "/schedules/0", "go with cron only"),
            ([NIGHTLY, {**WEEKLY, "cron": "0 25 * * *"}], "/schedules/1/cron", "the hour 25 is not from 0 to 23"),
            ([{**WEEKLY, "cron": "0 0 30 2 *"}], "/schedules/0/cron", "none of its months"),
            ([{**WEEKLY, "splay": 3601}], "/schedules/0/splay", "0 to 3600"),
            ([ALERTS, {**NIGHTLY, "time_zone": "europe/berlin"}], "/schedules/1/time_zone", "did you mean Europe/Berlin?"),
            ([{**NIGHTLY, "time_zone": "Mars/Olympus"}], "/schedules/0/time_zone", "no name of the IANA database"),
            ([{**NIGHTLY, "time_zone": "'; drop table"}], "/schedules/0/time_zone", "no name of the IANA database"),
            ([{**ALERTS, "name": str(i)} for i in range(17)], "/schedules", "at most 16"),
        ]
        for schedules, pointer, said in cases:
            with self.subTest(schedules=schedules):
                problem = self.problem(self.edit({"schedules": schedules}), 422)
                self.assertIn(pointer, [e["pointer"] for e in problem["errors"]], problem)
                self.assertTrue(any(said in e["detail"] for e in problem["errors"] if e["pointer"] == pointer), problem)
        self.assertIsNone(self.shown()["schedules"])

    def test_runs_come_as_planned_and_none_is_lost(self):
        self.configure_ninja()
        self.assertIsNone(self.shown()["schedules"])
        self.idle()
        before = self.newest()
        self.ok(self.edit({"schedules": [ALERTS, NIGHTLY, WEEKLY]}))
        # An edit is followed by a full run at once: the first full schedule.
        self.assertEqual(self.runs_since(before, 1), [("nightly", "full", None)])
        shown = self.shown()
        alerts, nightly, weekly = shown["schedules"]
        self.assertEqual((alerts["kinds"], alerts["interval"]), (["alerts"], 300))
        self.assertEqual((nightly["cron"], nightly["time_zone"], nightly["splay"], nightly["kinds"]), ("30 2 * * *", "Europe/Berlin", 600, None))
        self.assertEqual((weekly["splay"], weekly["time_zone"], weekly["kinds"]), (300, "UTC", ["organizations", "devices"]))
        self.assertEqual(min(instant(s["next_at"]) for s in shown["schedules"]), instant(shown["next_sync_at"]))
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(instant(nightly["next_at"]) - now, datetime.timedelta(hours=26))
        late = self.cluster.value(f"select extract(epoch from timestamptz '{nightly['next_at']}' at time zone 'Europe/Berlin')::bigint % 86400 - 9000")
        self.assertTrue(0 <= int(late) <= 600, late)
        self.assertLess(instant(alerts["next_at"]) - now, datetime.timedelta(seconds=460))

        before = self.newest()
        self.make_due(1)
        self.assertEqual(self.runs_since(before, 1), [("alerts", "incremental", ["alerts"])])
        self.assertEqual({s["next_at"] for s in self.shown()["schedules"][1:]}, {nightly["next_at"], weekly["next_at"]})

        before = self.newest()  # the longest due first; the run of all does for the one that is behind it
        self.make_due(1, 2, 3)
        self.assertEqual(self.runs_since(before, 2), [("alerts", "incremental", ["alerts"]), ("nightly", "full", None)])
        self.idle()
        self.assertEqual(len(self.runs_since(before, 2)), 2)

        # What comes due during a run is done after it; what was missed for days, once.
        self.sim.command("POST", "/control/latency", {"ms": 30})
        try:
            before = self.newest()
            self.make_due(2)
            eventually(lambda: self.cluster.value(f"select count(*) from integration_sync_history where run_id > {before} and status = 'running'") == "1",
                       "the run of the night is at work")
            self.cluster.sql("update integration_configurations set schedule_next[1] = now() - interval '3 days', "
                             "next_sync_at = now() - interval '3 days'; notify msphub_run")
        finally:
            self.sim.command("POST", "/control/latency", {"ms": 0})
        self.assertEqual(self.runs_since(before, 2), [("nightly", "full", None), ("alerts", "incremental", ["alerts"])])
        self.idle()
        self.assertEqual(len(self.runs_since(before, 2)), 2)

        audit = self.items("/api/v1/integrations/ninjaone/audit")
        self.assertTrue(any((a.get("after") or {}).get("schedules") for a in audit), audit[:3])
        self.ok(self.edit({"schedules": None}))
        self.assertIsNone(self.shown()["schedules"])
        self.idle()

    def test_a_run_reads_what_it_is_asked_for(self):
        self.configure_msp360()
        catalog = {p["key"]: p["kinds"] for p in self.items("/api/v1/integrations")}
        self.assertIn("backups", catalog["msp360"])
        self.assertNotIn("locations", catalog["msp360"])
        problem = self.problem(self.api.post("/api/v1/integrations/msp360/sync", {"kinds": ["backups", "locations"]}), 422)
        self.assertEqual(problem["errors"][0]["pointer"], "/kinds")
        self.assertIn("can be asked for organizations, devices", problem["errors"][0]["detail"])
        self.assertIn("not for \"locations\"", problem["errors"][0]["detail"])
        run = self.sync("msp360", mode="full", kinds=["organizations"])
        self.assertEqual((run["status"], run["kinds"], run["schedule"]), ("success", ["organizations"], None))


if __name__ == "__main__":
    unittest.main(verbosity=2)
