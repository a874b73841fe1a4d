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


if __name__ == "__main__":
    unittest.main(verbosity=2)
