"""Whatever is wrong gets an answer that says what, where and how to mend it; nothing is lost and nothing half-written."""
import json
import socket
import unittest

from processes import Http, eventually
from world import World


class Webhooks(World):
    @classmethod
    def build(cls):
        super().build()
        world = cls("test_unknown_hook")
        world.configure_ninja()
        world.configure_tactical()

    def setUp(self):
        hook = self.ok(self.api.get("/api/v1/integrations/ninjaone/webhook"))
        self.path = hook["url"][hook["url"].index("/webhooks/"):]
        self.header, self.secret = hook["header"], hook["secret"]
        self.http = Http(self.hub.url, {self.header: self.secret})
        self.addCleanup(self.http.close)

    def stored(self):
        return self.cluster.value("select count(*) from webhook_deliveries")

    def refused(self, status, path=None, body=b'{"id":1}', headers=None):
        before = self.stored()
        problem = self.problem(self.http.post(path or self.path, body, headers=headers), status)
        self.assertEqual(self.stored(), before)
        return problem

    def test_wrong_and_missing_secret(self):
        self.refused(401, headers={self.header: self.secret + "x"})
        self.http.headers = {}
        self.refused(401)

    def test_wrong_secret_is_refused_before_the_body_is_sent(self):
        with socket.create_connection((self.http.host, self.http.port), timeout=10) as s:
            s.sendall(f"POST {self.path} HTTP/1.1\r\nHost: x\r\n{self.header}: no\r\nContent-Length: 500000\r\n\r\n".encode())
            self.assertIn(b" 401 ", s.recv(4096))

    def test_unknown_hook(self):
        self.refused(404, "/webhooks/ninjaone/" + "x" * 32)
        self.refused(404, self.path.replace("ninjaone", "tacticalrmm"))
        self.refused(404, "/webhooks/nosuch/" + "x" * 32)

    def test_body_too_large(self):
        self.refused(413, body=b'{"x":"' + b"y" * 1_100_000 + b'"}')

    def test_not_json(self):
        for body in (b"", b"hello", b'{"id":1', b'{"id":1}{"id":2}', b"\xef\xbb\xbf{}", b"{'id':1}", b"[" * 5000):
            with self.subTest(body[:20]):
                self.refused(400, body=body)

    def test_get_is_no_delivery(self):
        answer = self.http.get(self.path)
        self.problem(answer, 405)
        self.assertIn("POST", answer.headers["Allow"])

    def ended(self, body):
        delivery = self.ok(self.http.post(self.path, body), 202)["delivery"]
        one = f"/api/v1/integrations/ninjaone/deliveries/{delivery}"
        return eventually(lambda: (d := self.ok(self.api.get(one)))["status"] not in ("pending",) and d, "the delivery ends")

    def test_wrong_shape_is_kept_and_explained(self):
        ended = self.ended({"id": "not a number", "activityType": 7})
        self.assertEqual(ended["status"], "dead", ended)
        self.assertTrue(ended["error"])

    def test_unknown_activity_and_unknown_device_are_no_errors(self):
        self.assertEqual(self.ended({"id": 5001, "activityType": "MOON", "statusCode": "FULL", "activityTime": 1760000000})["status"], "ignored")
        alert = {"id": 5002, "activityType": "CONDITION", "statusCode": "TRIGGERED", "activityTime": 1760000000.5, "deviceId": 99999999,
                 "seriesUid": "unknown-device", "message": "x"}
        self.assertEqual(self.ended(alert)["status"], "done")
        self.assertEqual(len([a for a in self.items("/api/v1/alerts") if a["series"] == "unknown-device"]), 1)

    def test_text_that_postgresql_refuses(self):
        raw = b'{"id":5003,"activityType":"CONDITION","statusCode":"TRIGGERED","activityTime":1760000000.5,"seriesUid":"nul",' \
              b'"deviceId":1,"message":"a\\u0000b \\ud800 \xf0\x9f\x98\x80"}'
        self.assertEqual(self.ended(raw)["status"], "done")
        neighbour = {"id": 5004, "activityType": "CONDITION", "statusCode": "TRIGGERED", "activityTime": 1760000000.5, "deviceId": 1,
                     "seriesUid": "neighbour", "message": "x"}
        self.assertEqual(self.ended(neighbour)["status"], "done")


class Rest(World):
    def test_credentials(self):
        anonymous = Http(self.hub.url)
        self.addCleanup(anonymous.close)
        self.assertIn("Bearer", anonymous.get("/api/v1/assets").headers["WWW-Authenticate"])
        self.problem(anonymous.get("/api/v1/assets"), 401)
        self.problem(anonymous.get("/api/v1/assets", headers={"Authorization": "Bearer msp_nonsense"}), 401)
        self.problem(anonymous.get("/api/v1/assets", headers={"X-API-Key": self.key[:-1] + ("0" if self.key[-1] != "0" else "1")}), 401)

    def test_roles(self):
        viewer = self.connect(self.new_key("acme", "viewer"))
        self.ok(viewer.get("/api/v1/assets"))
        self.problem(viewer.post("/api/v1/integrations/ninjaone/configure", {"settings": {}}), 403)
        self.problem(viewer.post("/api/v1/integrations/ninjaone/sync", {}), 403)

    def test_unknown_routes_methods_and_ids(self):
        self.problem(self.api.get("/api/v1/nosuch"), 404)
        answer = self.api("DELETE", "/api/v1/assets")
        self.problem(answer, 405)
        self.assertIn("GET", answer.headers["Allow"])
        for path in ("/api/v1/assets/999999999", "/api/v1/assets/abc", "/api/v1/assets/-1", "/api/v1/alerts/99999999999999999999",
                     "/api/v1/integrations/nosuch", "/api/v1/integrations/ninjaone:none/runs"):
            with self.subTest(path):
                self.problem(self.api.get(path), 404)

    def test_an_empty_instance_name_is_not_the_first_instance(self):
        self.configure_ninja()
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/configure"), ("POST", "/sync")):
            self.problem(self.api(method, "/api/v1/integrations/ninjaone:" + path, {} if method == "POST" else None, {"If-Match": "*"}), 404)
        self.ok(self.api.get("/api/v1/integrations/ninjaone"))

    def test_query_arguments(self):
        for query in ("limit=0", "limit=501", "limit=x", "after=nonsense", "colour=red", "type=toaster", "agent_status=maybe",
                      "last_seen_before=yesterday"):
            with self.subTest(query):
                problem = self.problem(self.api.get("/api/v1/assets?" + query), 422)
                self.assertTrue(problem["errors"][0]["detail"])

    def test_bodies(self):
        self.problem(self.api.post("/api/v1/integrations/ninjaone/configure", b"{"), 400)
        self.problem(self.api.post("/api/v1/integrations/ninjaone/configure", b"[]"), 400)
        for body in ({"settings": {"colour": "red"}}, {"settings": {}}, {"settings": 7}, {"setings": {}},
                     {"settings": {"base_url": "not a url", "client_id": "a", "client_secret": "b"}},
                     {"settings": {"region": "moon", "client_id": "a", "client_secret": "b"}}):
            with self.subTest(str(body)):
                problem = self.problem(self.api.post("/api/v1/integrations/ninjaone/configure", body, headers={"If-Match": "*"}), 422)
                self.assertTrue(all(e["pointer"] and e["detail"] for e in problem["errors"]), problem)

    def test_another_tenants_things_are_not_there(self):
        self.configure_ninja()
        run = self.sync()
        other = self.connect(self.new_tenant("globex", "Globex MSP"))
        asset = self.items("/api/v1/assets?limit=1")[0]
        self.assertEqual(self.ok(other.get("/api/v1/assets"))["items"], [])
        self.problem(other.get(f"/api/v1/assets/{asset['id']}"), 404)
        self.problem(other.get("/api/v1/integrations/ninjaone/runs"), 404)
        self.ok(other.post("/api/v1/integrations/ninjaone/configure",
                           {"settings": {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}}))
        self.problem(other.get(f"/api/v1/integrations/ninjaone/runs/{run['id']}"), 404)
        cursor = self.ok(self.api.get("/api/v1/assets?limit=1"))["next"]
        self.problem(other.get(f"/api/v1/assets?limit=1&after={cursor}"), 422)


class Provider(World):
    """What a product may answer; the run says what happened, and the next one is well."""

    def run_with(self, key="ninjaone", **fault):
        self.sim.fault(**fault)
        try:
            return self.sync(key)
        finally:
            self.sim.heal()

    hub_options = {"call_attempts": "3", "call_backoff": "20ms", "call_timeout": "2s", "call_max_wait": "5s"}

    def setUp(self):
        self.configure_ninja()

    def test_passing_faults_are_passed(self):
        for kind in ("429", "429_no_retry_after", "500", "503", "html200", "truncate", "drop", "401", "expire_token"):
            with self.subTest(kind):
                run = self.run_with(product="ninja", path="/v2/", kind=kind, count=1, after=2)
                self.assertEqual(run["status"], "success", (kind, run))

    def test_lasting_faults_are_explained(self):
        for kind, words in (("500", "500"), ("403", "403"), ("404", "404"), ("401", "401"), ("malformed", "JSON"),
                            ("truncate", ""), ("drop", ""), ("silence", ""), ("html200", "")):
            with self.subTest(kind):
                run = self.run_with(product="ninja", path="/v2/devices-detailed", kind=kind, count=1000)
                self.assertIn(run["status"], ("failed", "partial"), run)
                told = json.dumps(run)
                self.assertIn("devices", told)
                self.assertIn(words, told)
                self.assertEqual(run["counters"]["retired"], 0)
                self.assertEqual(self.sync()["status"], "success")

    def test_wrong_credentials(self):
        self.configure_ninja(client_secret="wrong")
        run = self.sync()
        self.assertEqual(run["status"], "failed")
        self.assertIn("client", json.dumps(run).lower())
        shown = self.ok(self.api.get("/api/v1/integrations/ninjaone"))
        self.assertEqual(shown["status"], "error", shown)
        self.assertTrue(shown["error_message"])
        self.configure_ninja()
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.ok(self.api.get("/api/v1/integrations/ninjaone"))["status"], "active")

    def test_unsaved_settings_are_tested_without_being_stored(self):
        bad = self.ok(self.api.post("/api/v1/integrations/ninjaone/test",
                                    {"settings": {"base_url": self.sim.ninja, "client_id": "nobody", "client_secret": "x"}}))
        self.assertFalse(bad["ok"])
        self.assertIn("region", bad["message"])
        good = self.ok(self.api.post("/api/v1/integrations/ninjaone/test", {}))
        self.assertTrue(good["ok"], good)
        self.assertEqual(self.sync()["status"], "success")

    def test_nothing_listens_there(self):
        self.configure_ninja(base_url="http://127.0.0.1:1")
        run = self.sync()
        self.assertEqual(run["status"], "failed")
        self.assertIn("127.0.0.1", json.dumps(run))

    def test_tactical_at_the_wrong_host(self):
        self.configure_tactical(api_key="WRONGKEY0123456789ABCDEFGHIJKLMN")
        run = self.sync("tacticalrmm")
        self.assertEqual(run["status"], "failed")
        self.assertIn("401", json.dumps(run))
        self.configure_tactical()
        self.sim.fault(product="tactical", path="/beta/", kind="404", count=1000)
        run = self.sync("tacticalrmm")
        self.sim.heal()
        self.assertIn(run["status"], ("success", "partial"), run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
