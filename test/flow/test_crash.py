"""Nothing is lost: the hub and the database are killed at any instant, and what was acknowledged is there, once."""
import threading
import unittest

from processes import Hub, Http, eventually
from world import World


class Sender(threading.Thread):
    """Sends numbered activities, one after the other; notes what was acknowledged, sends again what was not."""

    def __init__(self, world, number, first):
        super().__init__()
        self.world, self.next, self.acknowledged, self.stopping = world, first, set(), threading.Event()
        self.name = f"sender-{number}"

    def run(self):
        http = None
        while not self.stopping.is_set():
            try:
                http = http or Http(self.world.hub_url(), {self.world.hook["header"]: self.world.hook["secret"]})
                answer = http.post(self.world.hook_path, {
                    "id": self.next, "activityTime": 1760001234.5, "deviceId": 1, "seriesUid": f"crash-{self.next}",
                    "activityType": "CONDITION", "statusCode": "TRIGGERED", "message": "x"})
            except OSError:
                http = None
                self.stopping.wait(0.01)
                continue
            except Exception:
                http = None
                continue
            if answer.status == 202:
                self.acknowledged.add(self.next)
                self.next += 1
            elif answer.status != 503 or "Retry-After" not in answer.headers:
                raise AssertionError(answer)
        if http:
            http.close()


# Where records of each kind are stored; the last is written by the end of a run alone.
PLACES = {"organizations": "organization_mappings", "locations": "provider_locations", "devices": "asset_sources",
          "parts of devices": "asset_source_facets", "software": "source_lists", "alerts": "rmm_alerts", "backups": "backup_jobs",
          "the end": "integration_configurations"}


class Crash(World):
    sim_flags = ("--seed", "9", "--ninja-devices", "400", "--ninja-orgs", "4", "--tactical-agents", "1", "--tactical-clients", "1")
    hub_options = {"sync_lease": "2s", "sync_batch": "50"}

    def hub_url(self):
        return type(self).hub.url

    def restart(self):
        cls = type(self)
        cls.hub.kill()
        cls.closing.remove(cls.hub)
        cls.hub = Hub(cls.cluster, cls.key_file, **cls.hub_options)
        cls.closing.insert(0, cls.hub)
        cls.api = cls.connect(cls.key)

    def set_hook(self):
        self.configure_ninja()
        self.hook = self.ok(self.api.get("/api/v1/integrations/ninjaone/webhook"))
        self.hook_path = self.hook["url"][self.hook["url"].index("/webhooks/"):]

    def test_killed_under_load(self):
        self.set_hook()
        senders = [Sender(self, i, 1_000_000 * (i + 1)) for i in range(4)]
        for s in senders:
            s.start()
        try:
            for cycle in range(6):
                goal = sum(len(s.acknowledged) for s in senders) + 200
                eventually(lambda: sum(len(s.acknowledged) for s in senders) >= goal, f"200 more acknowledged in cycle {cycle}")
                if cycle % 3 == 2:
                    self.cluster.stop("immediate")
                    self.cluster.start()
                else:
                    self.restart()
        finally:
            for s in senders:
                s.stopping.set()
            for s in senders:
                s.join()
        acknowledged = set().union(*(s.acknowledged for s in senders))
        eventually(lambda: self.cluster.value("select count(*) from webhook_deliveries where status = 'pending'") == "0",
                   "all deliveries are applied")
        stored = [int(r[0][6:]) for r in self.cluster.sql("select series from rmm_alerts where series like 'crash-%'")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual(acknowledged - set(stored), set(), "acknowledged and lost")
        self.assertEqual(self.cluster.value("select count(*) from webhook_deliveries where status = 'dead'"), "0")

    def test_a_killed_run_is_taken_over_from_its_checkpoint(self):
        self.configure_ninja()
        self.sim.command("POST", "/control/latency", {"ms": 40})
        try:
            run = self.ok(self.api.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"}), 202, 409)
            run_id = run["run_id"]
            eventually(lambda: int(self.cluster.value(f"select processed from integration_sync_history where run_id = {run_id}")) > 0,
                       "the run has stored its first batch")
            self.restart()
        finally:
            self.sim.command("POST", "/control/latency", {"ms": 0})
        ended = self.finished("ninjaone", run_id)
        self.assertEqual(ended["status"], "success", ended)
        self.assertEqual(self.cluster.value("select count(*) from assets where retired_at is null"), "400")
        self.assertEqual(self.cluster.value("select count(*) from asset_sources"), "400")

    def left_by(self, key):
        """What an integration has in each place."""
        provider, _, name = key.partition(":")
        its = f"integration_id = (select integration_id from integration_configurations where provider = '{provider}' and name = '{name}')"
        return {kind: self.cluster.value(f"select count(*) from {table} where {its}") for kind, table in PLACES.items() if kind != "the end"}

    def hold(self, kind):
        """Nobody writes there until the session ends; others read."""
        return self.cluster.session(f"begin; lock table {PLACES[kind]} in share mode;")

    def waits(self, kind):
        """A transaction of a run (it holds the fence) waits to write there."""
        return eventually(lambda: int(self.cluster.value(
            "select count(*) from pg_locks w join pg_locks f using (pid) where not w.granted and f.granted "
            f"and w.relation = '{PLACES[kind]}'::regclass and f.relation = 'integration_sync_history'::regclass")) > 0,
            f"a run waits to write {kind}")

    def kill_where_it_waits(self, key, kind, last, configure):
        """A full run that is killed while it stores this kind (its connection lives on, and what it had sent may be carried out)."""
        session = self.hold(last if kind == "the end" else kind)
        try:
            configure(key)
            self.waits(last if kind == "the end" else kind)
            if kind == "the end":
                before, session = session, self.hold(kind)
                before.end("rollback;")
                self.waits(kind)
            run = self.newest_run(key)["id"]
            self.restart()
        finally:
            session.end("rollback;")
        return self.finished(key, run)

    def newest_run(self, key):
        runs = self.ok(self.api.get(f"/api/v1/integrations/{key}/runs?limit=1"))["items"]
        return runs[0] if runs else None

    def test_a_run_that_is_killed_while_it_stores_any_kind_leaves_what_it_should(self):
        for provider, configure, last in (("ninjaone", self.configure_ninja, "alerts"), ("msp360", self.configure_msp360, "backups")):
            whole = f"{provider}:whole"
            configure(whole)
            self.assertEqual(self.finished(whole, eventually(lambda: self.newest_run(whole), "its first run is queued")["id"])["status"], "success")
            expected = self.left_by(whole)
            kinds = [kind for kind in PLACES if kind == "the end" or int(expected.get(kind, 0)) > 0]
            self.assertGreater(len(kinds), 3, expected)
            for n, kind in enumerate(kinds):
                with self.subTest(provider=provider, kind=kind):
                    key = f"{provider}:killed-{n}"
                    ended = self.kill_where_it_waits(key, kind, last, configure)
                    self.assertEqual((ended["status"], ended["phase"], ended["counters"]["failed"]), ("success", "finished", 0), ended)
                    left = self.left_by(key)
                    self.assertEqual({k: left[k] for k in expected}, expected)
                    for table in ("sync_run_seen", "asset_source_dirty", "asset_dirty"):
                        self.assertEqual(self.cluster.value(f"select count(*) from {table}"), "0", table)


if __name__ == "__main__":
    unittest.main(verbosity=2)
