"""Runs as people follow them: how far one is, and records of errors read again."""
import unittest

from processes import eventually
from world import World


class Runs(World):
    hub_options = {"sync_batch": "10", "sync_lease": "2s"}

    def one(self, run_id, key="ninjaone"):
        return self.ok(self.api.get(f"/api/v1/integrations/{key}/runs/{run_id}"))

    def test_a_run_tells_how_far_it_is(self):
        self.configure_ninja()
        self.sync()
        # The alerts, asked for last, have to wait: what came before is stored and told meanwhile.
        self.sim.fault(product="ninja", path="/v2/alerts", kind="429", count=4, ms=5000)
        try:
            run_id = self.ok(self.api.post("/api/v1/integrations/ninjaone/sync", {"mode": "full"}), 202)["run_id"]
            seen = eventually(lambda: (lambda r: r if r["progress"]["read"].get("devices", 0) >= 60 else None)(self.one(run_id)),
                              "the run tells of all devices")
            self.assertEqual((seen["status"], seen["phase"], seen["finished_at"]), ("running", "reading", None))
            self.assertGreater(seen["calls"], 3)
            self.assertGreater(seen["progress"]["read"]["organizations"], 0)
            self.assertIsNotNone(seen["progress"]["kind"])
        finally:
            self.sim.heal()
        ended = self.finished("ninjaone", run_id)
        self.assertEqual(ended["status"], "success")
        self.assertIsNone(ended["progress"]["kind"])
        self.assertGreaterEqual(ended["progress"]["read"]["devices"], 60)
        self.assertGreaterEqual(ended["calls"], seen["calls"])

    def errors(self, run_id):
        return self.items(f"/api/v1/integrations/ninjaone/runs/{run_id}/errors")

    def retry(self, run_id, error):
        return self.api.post(f"/api/v1/integrations/ninjaone/runs/{run_id}/errors/{error}/retry")

    def test_an_error_is_read_again_and_resolved(self):
        self.configure_ninja()
        run_id = self.sync()["id"]
        device = self.cluster.value("select min(external_id) from asset_sources where integration_id = "
                                    "(select integration_id from integration_configurations where provider = 'ninjaone')")
        kinds = {"device": 2, "facet": 3, "organization": 0, "alert": 5}
        rows = [("device", device), ("facet", device), ("organization", "1"), ("device", None), ("device", "77777777")]
        for kind, external_id in rows:
            self.cluster.sql("insert into sync_run_errors (tenant_id, run_id, kind, external_id, reason) select tenant_id, run_id, "
                             f"{kinds[kind]}, {repr(external_id) if external_id else 'null'}, 'as a test has it' from integration_sync_history "
                             f"where run_id = {run_id}")
        first, part, organization, nameless, failing = [e["error"] for e in self.errors(run_id)][-5:]
        self.assertIn("organizations cannot be read one by one", self.problem(self.retry(run_id, organization), 422)["errors"][0]["detail"])
        self.assertIn("no id of the record", self.problem(self.retry(run_id, nameless), 422)["errors"][0]["detail"])
        self.problem(self.retry(run_id, 999999999), 404)
        self.problem(self.retry(999999999, first), 404)

        session = self.cluster.session("begin; lock table asset_sources in share mode;")
        try:
            retry = self.ok(self.retry(run_id, first), 202)["run_id"]
            again = self.problem(self.retry(run_id, part), 409)  # the same device
            self.assertEqual(again["run_id"], retry)
            self.assertEqual({e["error"]: e["resolved_at"] for e in self.errors(run_id)}[first], None)
        finally:
            session.end("rollback;")
        ended = self.finished("ninjaone", retry)
        self.assertEqual((ended["status"], ended["mode"], ended["device_id"], ended["trigger"]), ("success", "single", device, "retry"))
        by_number = {e["error"]: e for e in self.errors(run_id)}
        for error in (first, part):
            self.assertEqual(by_number[error]["retry_run"], retry)
            self.assertIsNotNone(by_number[error]["resolved_at"])
        self.assertIsNone(by_number[failing]["resolved_at"])
        self.assertIn("resolved", self.problem(self.retry(run_id, part), 409)["detail"])
        self.assertTrue(any(a["action"] == "run.requested" and (a["after"] or {}).get("retry_of") == run_id
                            for a in self.items("/api/v1/integrations/ninjaone/audit")))

        self.sim.fault(product="ninja", path="/v2/device/", kind="500", count=1000)
        try:
            retry = self.ok(self.retry(run_id, failing), 202)["run_id"]
            self.assertNotEqual(self.finished("ninjaone", retry)["status"], "success")
        finally:
            self.sim.heal()
        error = {e["error"]: e for e in self.errors(run_id)}[failing]
        self.assertEqual((error["retry_run"], error["resolved_at"]), (retry, None))  # and it may be tried once more


if __name__ == "__main__":
    unittest.main(verbosity=2)
