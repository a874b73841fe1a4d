"""The health of integrations as an MSP meets it: the catalog, edits and their guards, checks, and the hub's own alerts."""
import json
import unittest
import urllib.parse

from processes import Hub, eventually
from world import World

QUICK = {"health_interval": "1s", "health_timeout": "5s", "call_attempts": "1", "call_backoff": "20ms", "call_timeout": "2s"}
NINJA_SECRET, TACTICAL_KEY = "sim-ninja-secret", "SIMTACTICALKEYFULLACCESS00000001"


class Base(World):
    def integration(self, key="ninjaone"):
        return self.ok(self.api.get(f"/api/v1/integrations/{key}"))

    def reaches(self, status, key="ninjaone"):
        return eventually(lambda: (i := self.integration(key))["status"] == status and i, f"{key} is {status}")

    def own(self, cause, key="ninjaone", state=None):
        """The hub's own alerts of an integration."""
        number = self.integration(key)["id"]
        found = [a for a in self.items("/api/v1/alerts") if a["series"] == "msphub:" + cause and a["integration_id"] == number]
        return [a for a in found if state in (None, a["state"])]

    def moves(self, key="ninjaone"):
        """(from, to) of the status, the oldest first."""
        rows = self.items(f"/api/v1/integrations/{key}/audit?action=integration.status_changed")
        self.assertEqual({r["actor"]["kind"] for r in rows} - {"system", "api_key"}, set(), rows)
        return [(r["before"]["status"], r["after"]["status"]) for r in reversed(rows)]

    def edit(self, key, body, etag, route="reconfigure"):
        return self.api.post(f"/api/v1/integrations/{key}/{route}", body, headers={"If-Match": etag} if etag else {})

    def etag(self, key="ninjaone"):
        return self.api.get(f"/api/v1/integrations/{key}").headers["ETag"]


class Catalog(Base):
    def test_1_what_is_not_configured_is_shown_with_its_form(self):
        by_key = {p["key"]: p for p in self.items("/api/v1/integrations")}
        self.assertLessEqual({"ninjaone", "tacticalrmm"}, set(by_key))
        ninja = by_key["ninjaone"]
        self.assertEqual((ninja["status"], ninja["status_label"], ninja["instances"]), ("not_configured", "Not Configured", []))
        for field in ("name", "vendor", "category", "description", "documentation_url", "capabilities"):
            self.assertTrue(ninja[field], field)
        self.assertEqual(set(ninja["limits"]), {"concurrency", "requests_per_minute", "scope"})
        self.assertIn("webhooks", ninja["capabilities"])
        fields = {f["key"]: f for f in ninja["fields"]}
        self.assertEqual((fields["region"]["kind"], fields["region"]["default"]), ("select", "us"))
        self.assertIn("eu", fields["region"]["options"])
        self.assertEqual((fields["client_id"]["required"], fields["client_secret"]["kind"]), (True, "secret"))

    def test_2_unsaved_settings_are_tested_and_nothing_is_stored(self):
        before = self.cluster.sql("select * from integration_configurations")
        settings = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": NINJA_SECRET}
        good = self.api.post("/api/v1/integrations/ninjaone/test", {"settings": settings})
        self.assertTrue(self.ok(good)["ok"], good)
        bad = self.ok(self.api.post("/api/v1/integrations/ninjaone/test", {"settings": {**settings, "client_secret": "nonsense-0123456789"}}))
        self.assertEqual((bad["ok"], bad["code"]), (False, "auth"))
        self.assertEqual(self.cluster.sql("select * from integration_configurations"), before)
        self.assertEqual(self.cluster.value("select count(*) from audit_logs where integration_id is not null"), "0")
        for text in (good.body, json.dumps(bad).encode()):
            self.assertNotIn(NINJA_SECRET.encode(), text)
            self.assertNotIn(b"nonsense-0123456789", text)

    def test_3_edits_name_the_version_that_they_edit(self):
        body = {"settings": {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": NINJA_SECRET}}
        self.problem(self.edit("ninjaone", body, "*"), 404)  # reconfigure makes none
        self.problem(self.edit("ninjaone", body, "*", "configure"), 412)
        made = self.edit("ninjaone", body, None, "configure")
        self.assertEqual(made.status, 201, made)
        self.problem(self.edit("ninjaone", body, None, "configure"), 428)
        self.problem(self.edit("ninjaone", body, None), 428)
        self.problem(self.api("DELETE", "/api/v1/integrations/ninjaone"), 428)
        first = self.etag()
        self.assertEqual(self.edit("ninjaone", {"sync_interval": 7200}, first).status, 200)
        self.problem(self.edit("ninjaone", {"sync_interval": 3600}, first), 412)
        self.problem(self.edit("ninjaone", {"sync_interval": 3600}, first, "configure"), 412)
        self.problem(self.edit("ninjaone", {"sync_interval": 3600}, "nonsense"), 412)
        self.problem(self.api("DELETE", "/api/v1/integrations/ninjaone", headers={"If-Match": first}), 412)
        self.assertEqual(self.edit("ninjaone", {"sync_interval": None}, "*").status, 200)
        shown = self.integration()
        self.assertIsNone(shown["sync_interval"])
        self.assertEqual(shown["settings"]["client_secret"], "****cret")
        answer = self.api.post("/api/v1/integrations/ninjaone/reconfigure", {"enabled": "perhaps", "credential_expires_at": "soon"}, headers={"If-Match": "*"})
        self.assertEqual({e["pointer"] for e in self.problem(answer, 422)["errors"]}, {"/enabled", "/credential_expires_at"})

    def test_4_every_edit_is_told_with_who_and_from_where(self):
        self.api.post("/api/v1/integrations/ninjaone/webhook/rotate", headers={"X-Request-Id": "rotate-1"})
        rows = self.items("/api/v1/integrations/ninjaone/audit")
        told = {r["action"]: r for r in rows}
        self.assertLessEqual({"integration.created", "integration.updated", "integration.webhook_rotated"}, set(told))
        for action in ("integration.created", "integration.updated", "integration.webhook_rotated"):
            self.assertEqual((told[action]["actor"]["kind"], told[action]["address"]), ("api_key", "127.0.0.1"), told[action])
            self.assertTrue(told[action]["request_id"])
        self.assertEqual(told["integration.webhook_rotated"]["request_id"], "rotate-1")
        self.assertNotIn(NINJA_SECRET, json.dumps(rows))

    def test_5_several_instances_live_side_by_side(self):
        self.configure_tactical("tacticalrmm:east")
        self.configure_tactical("tacticalrmm:west", api_key="WRONGKEY0123456789ABCDEFGHIJKLMN")
        self.reaches("active", "tacticalrmm:east")
        self.reaches("error", "tacticalrmm:west")
        entry = next(p for p in self.items("/api/v1/integrations") if p["key"] == "tacticalrmm")
        self.assertEqual([(i["key"], i["status"], i["status_label"]) for i in entry["instances"]],
                         [("tacticalrmm:east", "active", "Active"), ("tacticalrmm:west", "error", "Error")])
        self.assertEqual(entry["status"], "error")
        self.ok(self.api("DELETE", "/api/v1/integrations/tacticalrmm:west", headers={"If-Match": self.etag("tacticalrmm:west")}), 204)
        self.problem(self.api.get("/api/v1/integrations/tacticalrmm:west"), 404)
        self.assertEqual(self.integration("tacticalrmm:east")["status"], "active")
        row = self.items("/api/v1/audit?action=integration.deleted")[0]
        self.assertEqual((row["target"]["name"], row["actor"]["kind"]), ("tacticalrmm:west", "api_key"))
        self.assertEqual(self.cluster.value("select count(*) from rmm_alerts where series like 'msphub:%'"), "0")  # they went with it

    def test_6_the_summary_counts(self):
        self.assertEqual(self.sync("tacticalrmm:east")["status"], "success")
        told = self.ok(self.api.get("/api/v1/integrations/tacticalrmm:east/summary"))
        self.assertEqual((told["integration"], told["devices"], told["organizations"]), ("tacticalrmm:east", 24, 3))
        self.assertEqual((told["last_run"]["status"], told["deliveries"]),
                         ("success", {"pending": 0, "pending_is_exact": True, "dead": 0, "held": 0}))
        self.assertLess(told["lag_seconds"], 60)
        number = self.integration("tacticalrmm:east")["id"]
        listed = [a for a in self.items("/api/v1/alerts") if a["integration_id"] == number and a["state"] != "resolved"]
        self.assertEqual(told["open_alerts"]["total"], len(listed))
        self.assertEqual(sum(told["open_alerts"]["by_severity"].values()), len(listed))

    def test_7_ready_says_what_it_looked_at(self):
        lines = self.hub.http.get("/readyz?verbose").body.decode()
        self.assertIn("[+] intake: takes webhooks", lines)
        self.assertIn("[+] queue: ", lines)


class Health(Base):
    hub_options = {**QUICK, "health_failures": "3"}

    def setUp(self):
        self.sim.heal()
        self.configure_ninja()
        self.reaches("active")

    def test_a_product_that_is_away_is_an_error_after_three_checks_and_comes_back(self):
        seen, counter = len(self.moves()), 'msphub_integration_status_changes_total{provider="ninjaone",status="error"} '
        counted = self.metric(counter)
        self.sim.fault(product="ninja", path="*", kind="503", count=1000000)
        told = "select connection_failures, status from integration_configurations where provider = 'ninjaone'"
        failures, status = eventually(lambda: (row := self.cluster.sql(told)[0])[0] != "0" and row, "the first failure is counted")
        self.assertEqual(status, "active" if int(failures) < 3 else "error")  # not at once
        shown = self.reaches("error")
        self.assertIn("503", shown["error_message"])
        self.assertGreaterEqual(int(self.cluster.sql(told)[0][0]), 3)
        self.assertGreaterEqual(self.metric('msphub_health_checks_total{provider="ninjaone",outcome="failed"} '), 1)
        alert = self.own("health", state="triggered")[0]
        self.assertEqual((alert["source"], alert["severity"], alert["asset_id"]), ("msphub", "major", None))
        self.assertIn("ninjaone", alert["subject"])
        self.sim.heal()
        shown = self.reaches("active")
        self.assertIsNone(shown["error_message"])
        self.assertEqual([a["state"] for a in self.own("health")], ["resolved"])
        self.assertEqual(self.moves()[seen:], [("active", "error"), ("error", "active")])
        log = self.hub.process.text()
        self.assertTrue(any('"integration.status"' in line and '"to":"error"' in line for line in log.splitlines()))
        self.assertEqual(self.metric(counter), counted + 1)
        eventually(lambda: self.metric('msphub_integration_status{provider="ninjaone",status="active"} ') == 1, "the gauge")

    def test_a_refused_credential_is_an_error_at_once(self):
        seen = len(self.moves())
        self.configure_tactical()
        self.reaches("active", "tacticalrmm")
        self.configure_tactical(api_key="WRONGKEY0123456789ABCDEFGHIJKLMN")
        shown = self.reaches("error", "tacticalrmm")
        self.assertIn("401", shown["error_message"])
        self.assertEqual(self.cluster.value("select connection_failures >= 3 from integration_configurations where provider = 'tacticalrmm'"), "t")
        moves = self.moves("tacticalrmm")
        self.assertEqual(moves[:3], [("configured", "active"), ("active", "configured"), ("configured", "error")], moves)
        self.assertEqual(len(self.own("health", "tacticalrmm", "triggered")), 1)
        self.assertEqual(self.moves()[seen:], [])  # the neighbour

    def test_silence_is_told_and_ends_with_a_word(self):
        hook = self.ok(self.api.get("/api/v1/integrations/ninjaone/webhook"))
        path = urllib.parse.urlsplit(hook["url"]).path

        def send(number):
            self.ok(self.hub.http.post(path, {"id": number, "activityType": "MOON", "statusCode": "FULL", "activityTime": 1760000000},
                                       headers={hook["header"]: hook["secret"]}), 202)
        self.assertEqual(self.own("silent"), [])  # nothing ever came: that is no silence
        send(1)
        eventually(lambda: self.integration()["last_delivery_at"], "it was heard")
        self.cluster.sql("update integration_configurations set last_delivery_at = now() - interval '25 h', watched_since = now() - interval '26 h'")
        eventually(lambda: self.own("silent", state="triggered"), "the silence is told")
        send(2)
        eventually(lambda: self.own("silent", state="resolved"), "it spoke again")
        eventually(lambda: self.cluster.value("select count(*) from integration_configurations i left join integration_sync_history h on"
                   " h.integration_id = i.integration_id and h.status in ('queued', 'running') where h.run_id is not null or"
                   " next_sync_at <= now()") == "0", "no sync is under way")
        self.cluster.sql("update integration_configurations set last_success_at = now() - interval '4 h', watched_since = now() - interval '4 h'")
        eventually(lambda: self.own("stale", state="triggered"), "three intervals without a success")
        self.assertEqual(self.sync()["status"], "success")
        eventually(lambda: self.own("stale", state="resolved"), "it succeeded")
        # Who switches it off wants no alerts of it.
        self.cluster.sql("update integration_configurations set last_delivery_at = now() - interval '25 h', watched_since = now() - interval '26 h'")
        eventually(lambda: self.own("silent", state="triggered"), "silence again")
        self.assertEqual(self.edit("ninjaone", {"enabled": False}, self.etag()).status, 200)
        eventually(lambda: self.own("silent", state="resolved"), "it is off")
        self.assertEqual(self.edit("ninjaone", {"enabled": True}, self.etag()).status, 200)
        self.reaches("active")
        self.assertEqual(self.own("silent", state="triggered"), [])  # the time when it was off does not count

    def test_a_credential_that_ends_is_warned_of(self):
        soon = self.cluster.value("select msphub_iso(now() + interval '5 days')")
        self.assertEqual(self.edit("ninjaone", {"credential_expires_at": soon}, self.etag()).status, 200)
        self.assertEqual(self.integration()["credential_expires_at"], soon)
        alert = eventually(lambda: self.own("credential", state="triggered"), "the warning")[0]
        self.assertEqual(alert["severity"], "moderate")
        self.assertIn(soon, alert["message"])
        self.cluster.sql("update integration_configurations set credential_expires_at = now() - interval '1 minute' where provider = 'ninjaone'")
        eventually(lambda: [a for a in self.own("credential", state="triggered") if a["severity"] == "major"], "it has expired")
        settings = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "another-secret-of-theirs"}
        self.assertEqual(self.edit("ninjaone", {"settings": settings}, self.etag()).status, 200)
        self.assertIsNone(self.integration()["credential_expires_at"])  # of the new one nothing is known
        eventually(lambda: [a for a in self.own("credential", state="triggered") if "refused" in a["subject"]], "the product refuses it")
        self.configure_ninja()
        eventually(lambda: self.own("credential", state="resolved"), "it works")

    def test_two_processes_make_one_alert_and_share_the_checks(self):
        other = Hub(self.cluster, self.key_file, **self.hub_options)
        self.addCleanup(other.close)
        before = len(self.moves()), self.own("health")[0]["occurrences"] if self.own("health") else 0
        self.sim.fault(product="ninja", path="*", kind="drop", count=1000000)
        self.reaches("error")
        eventually(lambda: self.metric('msphub_health_checks_total{provider="ninjaone",outcome="failed"} ', other)
                   and self.metric('msphub_health_checks_total{provider="ninjaone",outcome="failed"} '), "both have checked")
        self.assertEqual(len(self.own("health", state="triggered")), 1)
        self.assertEqual(self.own("health")[0]["occurrences"], before[1] + 1)
        self.sim.heal()
        self.reaches("active")
        self.assertEqual(self.moves()[before[0]:], [("active", "error"), ("error", "active")])

    def metric(self, line, hub=None):
        text = (hub or self.hub).http.get("/metrics").body.decode()
        return next((float(row[len(line):]) for row in text.splitlines() if row.startswith(line)), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
