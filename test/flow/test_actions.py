"""Actions: what acts is never sent twice and told when it may have been done; what is asked for is answered from before when the product is
silent; remote access is logged; each needs its own scope. Over Tactical RMM, which has all sorts of them."""
import json
import unittest

from processes import Http, eventually
from world import World

REBOOT = "/reboot/"


class Actions(World):
    sim_flags = ("--seed", "7", "--ninja-devices", "6", "--ninja-orgs", "2", "--tactical-agents", "12", "--tactical-clients", "2")
    hub_options = {"action_timeout": "3s", "call_backoff": "20ms", "call_attempts": "2", "health_interval": "1d"}

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_what_can_be_done")
        world.configure_tactical()
        assert world.sync("tacticalrmm")["status"] == "success"

    def setUp(self):
        self.sim.heal()
        self.sim.command("POST", "/control/latency", {"ms": 0})
        self.sim.control("DELETE", "/control/requests/tactical")

    def asset(self, **wanted):
        """Of the agents that are online, one that no other test has used."""
        row = self.cluster.sql("select s.asset_id, s.external_id from asset_sources s join assets a using (tenant_id, asset_id) "
                               "where s.agent_status = 'online' and s.retired_at is null order by s.asset_id")
        Actions.used = getattr(Actions, "used", 0) + 1
        return row[Actions.used % len(row)]

    def sent(self, part):
        return [r for r in self.sim.command("GET", "/control/requests/tactical")["requests"] if part in r["target"]]

    def rows(self):
        """Of the audit log, the oldest first."""
        return [r for r in reversed(self.items("/api/v1/audit?limit=100")) if r["action"].startswith("action.")]

    def narrowed(self, *scopes):
        key = self.ok(self.api.post("/api/v1/api-keys", {"name": "narrow", "role": "operator", "scopes": list(scopes)}), 201)["key"]
        http = Http(self.hub.url, {"Authorization": "Bearer " + key})
        self.addCleanup(http.close)
        return http

    # --- what can be done ---
    def test_what_can_be_done(self):
        asset, external = self.asset()
        listed = {a["action"]: a for a in self.items(f"/api/v1/assets/{asset}/actions")}
        self.assertTrue({"live", "reboot", "remote_link", "run_script"} <= set(listed))
        self.assertTrue(all(a["external_id"] == external and a["integration"] == "tacticalrmm" and a["available"] for a in listed.values()))
        self.assertEqual((listed["reboot"]["disruptive"], listed["reboot"]["reads"], listed["remote_link"]["remote"]), (True, False, True))
        self.assertTrue(listed["run_script"]["fields"])
        everything = {a["action"]: a["target"] for a in self.items("/api/v1/integrations/tacticalrmm/actions")}
        self.assertEqual(everything["reset_alert"], "alert")

    def test_what_is_asked_wrongly(self):
        asset, _ = self.asset()
        run = f"/api/v1/assets/{asset}/actions/"
        wrong = self.problem(self.api.post(run + "run_script", {"args": {"no_such": 1}}), 422)["errors"]
        self.assertTrue({"/args/no_such", "/args/script", "/confirm"} <= {e["pointer"] for e in wrong}, wrong)
        self.problem(self.api.post(run + "run_script", {"args": []}), 422)
        self.problem(self.api.post(run + "no_such_action", {}), 404)
        self.assertTrue(self.problem(self.api.post(run + "remote_link", {}), 409)["type"].endswith("remote_access"))
        self.problem(self.api.post(f"/api/v1/assets/{asset}/remote-access", {"action": "reboot"}), 409)
        fault = self.problem(self.api.post(run + "reboot", {"confirm": True, "integration": "ninjaone"}), 422)["errors"]
        self.assertEqual([e["pointer"] for e in fault], ["/integration"])
        self.problem(self.api.post("/api/v1/integrations/tacticalrmm/actions/reboot", {"confirm": True}), 404)
        self.problem(self.api.post("/api/v1/integrations/tacticalrmm/actions/list_scripts", {"target_id": "1"}), 422)
        self.assertEqual(self.sent("/agents/"), [])

    def test_each_needs_its_own_scope(self):
        asset, _ = self.asset()
        reads, acts, opens = self.narrowed("assets:read"), self.narrowed("actions:run"), self.narrowed("remote:open")
        self.problem(reads.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 403)
        self.problem(acts.post(f"/api/v1/assets/{asset}/remote-access", {}), 403)
        self.problem(opens.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 403)
        self.problem(opens.get("/api/v1/remote-access"), 403)
        self.ok(opens.post(f"/api/v1/assets/{asset}/remote-access", {}))
        self.ok(reads.get(f"/api/v1/assets/{asset}/live"))
        viewer = self.connect(self.new_key("acme", "viewer"))
        self.problem(viewer.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 403)
        self.ok(viewer.get(f"/api/v1/assets/{asset}/live"))

    # --- what acts ---
    def test_what_is_done_is_written_down_before_and_after(self):
        asset, external = self.asset()
        before = len(self.rows())
        answer = self.ok(self.api.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}))
        self.assertEqual((answer["origin"], answer["stale"], answer["external_id"]), ("product", False, external))
        started, ended = self.rows()[before:]
        self.assertEqual((started["action"], started["after"]["action"], started["after"]["external_id"]), ("action.started", "reboot", external))
        self.assertEqual((ended["action"], ended["after"]["outcome"], ended["target"]["id"]), ("action.ended", "done", int(asset)))

    def test_what_may_have_been_done_is_told_and_not_done_again(self):
        asset, external = self.asset()
        path, body, before = f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}, len(self.rows())
        self.sim.fault(product="tactical", path=f"/agents/{external}{REBOOT}", kind="drop", count=100)
        key = {"Idempotency-Key": "reboot-once"}
        problem = self.problem(self.api.post(path, body, headers=key), 502)
        self.assertTrue(problem["type"].endswith("outcome_unknown"), problem)
        self.assertIn("may have been carried out", problem["detail"])
        self.assertEqual(len(self.sent(REBOOT)), 1)
        again = self.api.post(path, body, headers=key)  # a program that sends it again gets the same answer
        self.assertEqual((again.status, again.headers["Idempotency-Replayed"]), (502, "true"))
        self.assertEqual(len(self.sent(REBOOT)), 1)
        self.assertEqual([r["after"].get("outcome") for r in self.rows()[before:]], [None, "unknown"])

    def test_a_product_that_takes_too_long(self):
        asset, _ = self.asset()
        self.sim.command("POST", "/control/latency", {"ms": 20000})
        problem = self.problem(self.api.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 504)
        self.assertTrue(problem["type"].endswith("outcome_unknown"), problem)

    def test_what_the_product_refuses_was_not_done(self):
        asset, external = self.asset()
        self.sim.fault(product="tactical", path=f"/agents/{external}{REBOOT}", kind="403", count=1)
        problem = self.problem(self.api.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 502)
        self.assertTrue(problem["type"].endswith("product_refused"), problem)

    # --- what is asked for ---
    def test_details_are_kept_and_stand_in_when_the_product_is_silent(self):
        asset, _ = self.asset()
        first = self.ok(self.api.get(f"/api/v1/assets/{asset}/live"))
        self.assertEqual((first["origin"], first["stale"], first["reason"]), ("product", False, None))
        again = self.ok(self.api.get(f"/api/v1/assets/{asset}/live"))
        self.assertEqual((again["origin"], again["at"], again["result"]), ("cache", first["at"], first["result"]))
        other, external = self.asset()
        self.sim.fault(product="tactical", path="/agents/", kind="drop", count=1000)
        stored = self.ok(self.api.get(f"/api/v1/assets/{other}/live"))
        self.assertEqual((stored["origin"], stored["stale"], stored["external_id"]), ("last_sync", True, external))
        self.assertTrue(stored["reason"] and stored["result"]["attributes"]["name"] and stored["age_seconds"] >= 0, stored)
        self.sim.heal()
        self.assertEqual(self.ok(self.api.get(f"/api/v1/assets/{other}/live"))["origin"], "product")

    def test_an_asset_is_read_again(self):
        asset, external = self.asset()
        self.sim.command("PATCH", f"/control/tactical/agents/{external}", {"description": "moved to the attic"})
        queued = self.ok(self.api.post(f"/api/v1/assets/{asset}/refresh"), 202)["items"]
        self.assertEqual([(q["integration"], q["external_id"], q["error"]) for q in queued], [("tacticalrmm", external, None)])
        self.assertIn(self.finished("tacticalrmm", queued[0]["run_id"])["status"], ("success", "partial"))
        self.assertEqual(self.ok(self.api.get(f"/api/v1/assets/{asset}"))["description"], "moved to the attic")

    # --- remote access ---
    def test_each_use_of_remote_access_is_logged(self):
        asset, external = self.asset()
        for _ in range(2):
            answer = self.api.post(f"/api/v1/assets/{asset}/remote-access", {})
            self.assertTrue(self.ok(answer)["result"]["url"])
            self.assertIn("no-store", answer.headers["Cache-Control"])
        other, gone = self.asset()
        self.sim.fault(product="tactical", path=f"/agents/{gone}/meshcentral/", kind="403", count=1)
        self.problem(self.api.post(f"/api/v1/assets/{other}/remote-access", {}), 502)
        log = self.items(f"/api/v1/remote-access?asset_id={asset}")
        self.assertEqual([(r["outcome"], r["external_id"], r["asset_id"], r["action"]) for r in log], [("granted", external, int(asset), "remote_link")] * 2)
        self.assertEqual({r["actor_kind"] for r in log}, {"api_key"})
        self.assertTrue(all(r["address"] and r["request_id"] and r["asset"] for r in log))
        failed = self.items(f"/api/v1/remote-access?asset_id={other}")[0]
        self.assertEqual(failed["outcome"], "failed")
        self.assertTrue(failed["error"])
        self.assertEqual(self.items(f"/api/v1/remote-access?actor={log[0]['actor']}&limit=2")[0]["id"], failed["id"])
        self.assertEqual(self.items("/api/v1/remote-access?actor=nobody"), [])
        self.assertNotIn("login=", json.dumps(self.cluster.sql("select to_jsonb(r) from remote_access_log r")))

    # --- alerts ---
    def test_an_alert_that_cannot_be_reset(self):
        self.cluster.sql("update integration_configurations set status = 'error', error_message = 'for the test'")
        own = eventually(lambda: [a for a in self.items("/api/v1/alerts?state=open") if a["series"] == "msphub:health"], "an alert of the hub")
        self.assertTrue(self.problem(self.api.post(f"/api/v1/alerts/{own[0]['id']}/reset", {}), 409)["type"].endswith("own_alert"))
        self.cluster.sql("update integration_configurations set status = 'active', error_message = null")
        eventually(lambda: not [a for a in self.items("/api/v1/alerts?state=open") if a["series"] == "msphub:health"], "it is resolved")
        self.assertTrue(self.problem(self.api.post(f"/api/v1/alerts/{own[0]['id']}/reset", {}), 409)["type"].endswith("own_alert"))

    def test_an_integration_that_is_switched_off_does_nothing(self):
        asset, _ = self.asset()
        edit = lambda on: self.ok(self.api.post("/api/v1/integrations/tacticalrmm/reconfigure", {"enabled": on}, headers={"If-Match": "*"}))
        edit(False)
        self.addCleanup(edit, True)
        self.problem(self.api.post(f"/api/v1/assets/{asset}/actions/reboot", {"confirm": True}), 409)
        self.problem(self.api.post(f"/api/v1/assets/{asset}/refresh"), 409)
        stored = self.ok(self.api.get(f"/api/v1/assets/{asset}/live"))
        self.assertEqual((stored["origin"], stored["stale"]), ("last_sync", True))
        self.assertEqual(self.sent("/agents/"), [])


if __name__ == "__main__":
    unittest.main()
