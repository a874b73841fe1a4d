"""Tactical RMM end to end: everything that is read and done, in few calls, each held to the description of the product; with the beta API
on and off, with roles that may not read all, with what a real server sends instead of what one would wish."""
import json
import unittest

import provider_spec
from processes import Http, eventually
from world import World

TACTICAL = "/api/v1/integrations/tacticalrmm"


class Tactical(World):
    sim_flags = ("--seed", "7", "--ninja-devices", "1", "--tactical-agents", "60", "--tactical-clients", "6")
    hub_options = {"call_attempts": "2", "call_backoff": "10ms"}

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_what_is_read")
        world.configure_tactical(dashboard_url="https://rmm.flow.example")
        cls.first = world.sync("tacticalrmm")

    def tearDown(self):
        self.sim.heal()
        self.sim.command("PATCH", "/control/tactical/settings", {"beta": True, "missing": []})
        provider_spec.check(self.sim, "tacticalrmm")

    def sync(self, key="tacticalrmm", **request):
        return super().sync(key, **request)

    def asked(self):
        return provider_spec.check(self.sim, "tacticalrmm")

    def agent(self, number):
        return self.sim.command("GET", f"/control/tactical/agents/{number}")

    def asset(self, number):
        """The asset of the simulator's agent with this number, in full."""
        external = self.agent(number)["agent_id"]
        row = self.cluster.sql("select s.asset_id from asset_sources s join integration_configurations i using (tenant_id, integration_id) "
                               f"where s.external_id = '{external}' and i.provider = 'tacticalrmm' and i.name = ''")
        return self.ok(self.api.get(f"/api/v1/assets/{row[0][0]}"))

    def source(self, number):
        external = self.agent(number)["agent_id"]
        return next(s for s in self.asset(number)["sources"] if s["external_id"] == external)

    def act(self, number, action, status=200, **body):
        answer = self.api.post(f"/api/v1/assets/{self.asset(number)['id']}/actions/{action}", body)
        return self.ok(answer, status) if status < 300 else self.problem(answer, status)

    def agents_with(self, wanted):
        """Numbers of the simulator's agents for which the test's condition holds."""
        found = [n for n in range(1, 61) if wanted(n)]
        self.assertTrue(found)
        return found

    def online(self):
        names = {a["name"] for a in self.items("/api/v1/assets?provider=tacticalrmm&agent_status=online&limit=200")}
        return next(n for n in range(1, 61) if self.agent(n)["hostname"] in names and self.agent(n)["plat"] == "windows")

    def versions(self, *tables):
        """Which transaction wrote each row last, and what."""
        return [self.cluster.value(f"select md5(string_agg(t::text || t.xmin, ',' order by t::text)) from {table} t") for table in tables]

    # --- what is read ---
    def test_what_is_read(self):
        self.assertEqual(self.first["status"], "success", self.first)
        summary = self.sim.command("GET", "/control/tactical/summary")
        self.assertEqual(self.first["counters"]["created"], 60, self.first)
        self.assertEqual(len(self.items(TACTICAL + "/organizations")), summary["clients"])
        self.assertEqual({o["name"] for o in self.items(TACTICAL + "/organizations")} & {'Zebra "Quoted" LLC', "Trailing Space "},
                         {'Zebra "Quoted" LLC', "Trailing Space "})
        source = self.source(1)
        facets = source["facets"]
        self.assertEqual(facets["checks"], {"total": 1, "passing": 1, "failing": 0, "warning": 0, "info": 0})
        fields = {f["name"]: f["value"] for f in facets["custom_fields"]}
        self.assertEqual(fields, {"AssetTag": "AT-00001", "Loaner": "true", 'Roles "now"': '["web","db"]'})
        self.assertEqual(source["attributes"]["url"], f"https://rmm.flow.example/agents/{source['external_id']}")
        self.assertIn("serial", facets["system"])

    def test_all_kinds_take_few_calls(self):
        self.assertEqual(self.first["calls"], 7, self.first)  # with up to 250 agents

    def test_an_unchanged_sync_writes_nothing(self):
        self.sync()
        tables = ("rmm_alerts", "organization_mappings", "asset_software", "asset_source_facets")  # last_seen moves
        before = self.versions(*tables)
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["updated"], run["counters"]["created"]), ("success", 0, 0), run)
        for table, was, now in zip(tables, before, self.versions(*tables)):
            self.assertEqual(was, now, table)

    def test_without_the_beta_api(self):
        self.configure_tactical("tacticalrmm:plain")
        self.sim.command("PATCH", "/control/tactical/settings", {"beta": False})
        self.asked()
        run = self.sync("tacticalrmm:plain")
        self.assertEqual(run["status"], "success", run)
        self.assertEqual(run["counters"]["created"], 60, run)
        self.assertEqual(run["calls"], 8, self.asked())  # however many agents there are
        probe = self.ok(self.api.post("/api/v1/integrations/tacticalrmm:plain/test", {}))
        self.assertIn("BETA_API_ENABLED", json.dumps(probe))

    def test_a_limited_role_sees_its_client_alone(self):
        """The beta lists ignore the limits of a role; what they tell of other clients is not taken."""
        self.configure_tactical("tacticalrmm:limited", api_key="SIMTACTICALKEYLIMITEDCLIENT20005")
        for beta in (True, False):
            self.sim.command("PATCH", "/control/tactical/settings", {"beta": beta})
            run = self.sync("tacticalrmm:limited")
            self.assertEqual(run["status"], "success", run)
            rows = self.cluster.sql("select distinct attributes->>'organization_id' from asset_sources join integration_configurations i "
                                    "using (tenant_id, integration_id) where i.name = 'limited' and retired_at is null")
            self.assertEqual(rows, [["2"]])

    def test_a_right_that_is_missing_costs_its_list(self):
        for right in ("can_list_software", "can_list_alerts"):
            self.sim.command("PATCH", "/control/tactical/settings", {"missing": [right]})
            run = self.sync()
            self.assertEqual((run["status"], run["counters"]["retired"]), ("partial", 0), run)
            self.assertIn(right, json.dumps(run))
        self.sim.command("PATCH", "/control/tactical/settings", {"missing": ["can_list_clients"]})
        run = self.sync()
        self.assertEqual(run["status"], "failed")
        self.assertIn("can_list_clients", json.dumps(run))

    # --- what the product sends instead ---
    def test_lists_that_prove_nothing_change_nothing(self):
        before = self.versions("organization_mappings")
        for kind, path in (("shuffle", "/beta/v1/agent/"), ("omit_rows", "/beta/v1/agent/"), ("omit_rows", "/agents/"),
                           ("wrong_total", "/beta/v1/agent/")):
            with self.subTest(kind=kind, path=path):
                self.sim.fault(product="tactical", path=path, kind=kind, count=50)
                run = self.sync()
                self.sim.heal()
                self.assertEqual((run["status"], run["counters"]["retired"]), ("partial", 0), run)
        self.assertEqual(self.versions("organization_mappings"), before)

    def test_a_page_for_data_a_cut_body_and_silence(self):
        for kind, path, statuses in (("html200", "/clients/", {"failed"}), ("truncate", "/agents/", {"failed"}),
                                     ("malformed", "/software/", {"partial"}), ("malformed", "/alerts/", {"partial"}),
                                     ("500", "/core/customfields/", {"success"})):
            with self.subTest(kind=kind, path=path):
                self.sim.fault(product="tactical", path=path, kind=kind, count=2)
                run = self.sync()
                self.sim.heal()
                self.assertIn(run["status"], statuses, run)
                self.assertEqual(run["counters"]["retired"], 0)
        self.assertEqual(self.sync()["status"], "success")

    def test_odd_texts_and_a_very_long_one(self):
        odd = 'KASSE "1" \\ 東京 🚀 '
        self.sim.command("PATCH", "/control/tactical/agents/9", {"hostname": odd, "description_bytes": 10_000_000})
        self.addCleanup(self.sim.command, "PATCH", "/control/tactical/agents/9", {"description": "short"})
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["failed"]), ("success", 0), run)
        asset = self.asset(9)
        self.assertEqual(asset["sources"][0]["attributes"]["hostname"], odd)
        self.assertEqual(asset["sources"][0]["attributes"]["description"], "x" * 2048)

    # --- what is no longer listed ---
    def test_an_agent_that_is_gone_is_kept(self):
        made = self.sim.command("POST", "/control/tactical/agents", {"hostname": "GOES-AWAY"})["agents"][0]
        self.sync()
        asset = self.items("/api/v1/assets?q=GOES-AWAY")[0]
        self.sim.command("DELETE", f"/control/tactical/agents/{made['id']}")
        for _ in range(3):
            run = self.sync()
            self.assertEqual((run["status"], run["counters"]["retired"]), ("success", 0), run)
        self.assertIsNone(self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["retired_at"])
        run = self.sync(mode="single", device_id=made["agent_id"])  # the product says so in words
        self.assertEqual(run["status"], "success", run)
        self.assertTrue(self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["retired_at"])

    # --- webhooks ---
    def hook(self, body=None):
        hook = self.ok(self.api.get(TACTICAL + "/webhook"))
        action = {"url": hook["url"], "headers": {"Content-Type": "application/json", hook["header"]: hook["secret"]}}
        self.sim.command("PUT", "/control/webhooks/tactical", {
            "failure": {**action, **({"body": body("trigger")} if body else {})},
            "resolved": {**action, **({"body": body("resolve")} if body else {})}})
        self.addCleanup(self.sim.command, "DELETE", "/control/webhooks/tactical")
        return hook

    def template(self, event):
        """As the hub shows it to the person who pastes it."""
        lines = [line for line in self.ok(self.api.get(TACTICAL + "/webhook"))["template"].splitlines() if f'"event": "{event}"' in line]
        self.assertEqual(len(lines), 1)
        return lines[0]

    def alert(self, series, state):
        def probe():
            found = [a for a in self.items("/api/v1/alerts") if a["series"] == str(series) and a["state"] == state]
            return found[0] if found else None
        return eventually(probe, f"alert {series} is {state}")

    def test_a_webhook_makes_an_alert_and_refreshes_its_agent(self):
        self.hook(self.template)
        self.sim.command("PATCH", "/control/tactical/agents/12", {"hostname": "RENAMED-BY-HOOK"})
        alert = self.sim.command("POST", "/control/tactical/alerts", {"agent": 12, "alert_type": "check", "message": 'C: is "full" 99 %'})["id"]
        raised = self.alert(alert, "triggered")
        self.assertEqual((raised["severity"], raised["asset_id"]), ("major", self.asset(12)["id"]))
        # what the template must not carry comes with the agent, read afterwards
        eventually(lambda: self.alert(alert, "triggered")["message"] == 'C: is "full" 99 %', "the alert's message")
        eventually(lambda: self.asset(12)["name"] == "RENAMED-BY-HOOK", "the agent is read again")
        self.sim.command("POST", "/control/tactical/alerts", {"action": "resolve", "id": alert})
        self.alert(alert, "resolved")

    def test_a_template_with_quotes_is_understood(self):
        """Client names in the body: one with quotes makes the product send the whole body as one JSON string."""
        self.hook()  # the simulator's own template has them
        quoted = next(o for o in self.items(TACTICAL + "/organizations") if o["name"] == 'Zebra "Quoted" LLC')
        number = int(self.cluster.value("select alternate_id from asset_sources join integration_configurations i using (tenant_id, integration_id) "
                                        f"where i.name = '' and attributes->>'organization_id' = '{quoted['external_id']}' limit 1"))
        alert = self.sim.command("POST", "/control/tactical/alerts", {"agent": number, "message": 'a "quoted" message', "stderr": 'x "y" z'})["id"]
        self.alert(alert, "triggered")
        self.sim.command("POST", "/control/tactical/alerts", {"action": "resolve", "id": alert})
        self.alert(alert, "resolved")

    # --- actions ---
    def test_what_can_be_done(self):
        actions = self.items(f"/api/v1/assets/{self.asset(1)['id']}/actions")
        self.assertEqual({a["action"] for a in actions if a["integration"] == "tacticalrmm"},
                         {"live", "remote_link", "reboot", "maintenance_start", "maintenance_end", "run_script"})

    def test_maintenance_begins_and_ends(self):
        for action, on in (("maintenance_start", True), ("maintenance_end", False)):
            self.assertEqual(self.act(5, action)["result"], {"maintenance": on})
            self.assertEqual(self.agent(5)["maintenance_mode"], on)
            self.assertEqual(self.source(5)["attributes"]["maintenance"], on)  # without a sync

    def test_reboot_wants_a_word_and_an_agent_that_is_there(self):
        online = self.online()
        self.act(online, "reboot", 422)
        self.asked()
        self.assertEqual(self.act(online, "reboot", confirm=True)["result"], {"rebooting": True})
        self.assertEqual(self.asked()["POST /agents/{agent_id}/reboot/"], 1)
        self.sim.command("PATCH", f"/control/tactical/agents/{online}", {"status": "offline"})
        self.addCleanup(self.sim.command, "PATCH", f"/control/tactical/agents/{online}", {"status": "online"})
        answer = self.api.post(f"/api/v1/assets/{self.asset(online)['id']}/actions/reboot", {"confirm": True})
        self.assertIn(answer.status, (502, 503), answer)
        self.assertIn("cannot reach the agent", answer.json["detail"])

    def test_scripts(self):
        online = self.online()
        listed = self.ok(self.api.post(TACTICAL + "/actions/list_scripts", {}))["result"]["scripts"]
        self.assertEqual(len(listed), 5)
        ran = self.act(online, "run_script", confirm=True, args={"script": "Restart spooler", "arguments": "-Force\n\"a b\""})
        self.assertIn('[-Force] ["a b"]', ran["result"]["output"])
        much = self.act(online, "run_script", confirm=True, args={"script": "3"})["result"]
        self.assertTrue(much["output_cut"])
        started = self.act(online, "run_script", confirm=True, args={"script": "1", "wait": False})["result"]
        self.assertFalse(started["finished"])
        self.act(online, "run_script", 422, confirm=True)
        answer = self.api.post(f"/api/v1/assets/{self.asset(online)['id']}/actions/run_script", {"confirm": True, "args": {"script": "Uptime"}})
        self.assertIn("more than one script", answer.json["detail"])

    def test_a_remote_link_is_asked_for_once(self):
        self.asked()
        link = f"/api/v1/assets/{self.asset(1)['id']}/remote-access"
        first = self.ok(self.api.post(link, {}))
        self.assertTrue(first["result"]["url"].startswith("https://mesh.example.com/?login="))
        self.assertEqual(self.ok(self.api.post(link, {}))["result"], first["result"])  # five minutes
        self.assertEqual(self.asked()["GET /agents/{agent_id}/meshcentral/"], 1)
        login = first["result"]["url"].split("login=")[1].split("&")[0]
        self.assertNotIn(login, self.hub.process.text())
        self.assertNotIn(login, json.dumps(self.cluster.sql("select to_jsonb(t) from audit_logs t")))

    def test_an_alert_is_resolved_there_and_here(self):
        self.sync()
        own = int(self.cluster.value("select integration_id from integration_configurations where provider = 'tacticalrmm' and name = ''"))
        alert = next(a for a in self.items("/api/v1/alerts?state=open") if a["asset_id"] and a["integration_id"] == own)
        answer = self.ok(self.api.post(f"/api/v1/alerts/{alert['id']}/reset", {}))
        self.assertEqual(answer["result"], {"resolved": True, "was_gone": False})
        self.alert(alert["series"], "resolved")
        self.sync()
        self.alert(alert["series"], "resolved")  # the product has it so, too

    def test_live_details(self):
        number = self.agents_with(lambda n: n % 4 == 3 and n % 3 == 2 and self.agent(n)["plat"] == "windows" and n % 29 != 4)[0]
        answer = self.ok(self.api.get(f"/api/v1/assets/{self.asset(number)['id']}/live"))
        live = answer["result"]
        self.assertEqual(answer["origin"], "product")
        self.assertEqual((len(live["checks"]), len(live["updates"]), live["not_available"]), (2, 3, []))
        self.assertEqual({u["status"] for u in live["updates"]}, {"installed", "approved"})
        self.assertTrue(live["disks"] and live["operating_system"])


    # --- what is wrong ---
    def findings(self, key="tacticalrmm"):
        found = self.ok(self.api.get(f"/api/v1/integrations/{key}/doctor"))["findings"]
        return {f["code"]: f for f in found}

    def test_the_doctor_names_what_is_wrong(self):
        well = self.findings()
        self.assertTrue({"host", "clock", "credential", "beta_api", "rights"} <= set(well), well)
        self.sim.command("PATCH", "/control/tactical/settings", {"beta": False, "missing": ["can_list_software"]})
        found = self.findings()
        self.assertIn("BETA_API_ENABLED", found["beta_api_off"]["mend"])
        self.assertIn("can_list_software", found["missing_right"]["mend"])
        self.assertNotIn("rights", found)
        self.sim.fault(product="tactical", path="/", kind="html200", count=1000)
        self.assertIn("wrong_host", self.findings())

    def test_the_doctor_names_a_refused_login(self):
        self.configure("tacticalrmm:refused", {"base_url": self.sim.tactical, "auth": "login", "username": "tactical", "password": "no"})
        found = self.findings("tacticalrmm:refused")
        self.assertIn("host", found)  # was found without a credential
        self.assertIn("the password is wrong", found["credential_refused"]["what"])


class Thousand(World):
    sim_flags = ("--seed", "11", "--ninja-devices", "1", "--tactical-agents", "1000", "--tactical-clients", "20")

    def test_all_kinds_of_a_thousand_agents_take_ten_calls(self):
        self.configure_tactical()
        for beta in (True, False):
            self.sim.command("PATCH", "/control/tactical/settings", {"beta": beta})
            self.sim.command("DELETE", "/control/requests/tacticalrmm")
            run = self.sync("tacticalrmm")
            self.assertEqual(run["status"], "success", run)
            asked = provider_spec.check(self.sim, "tacticalrmm")
            self.assertLessEqual(run["calls"], 10, asked)  # a probe may have asked some more
        self.assertEqual(self.cluster.value("select count(*) from asset_sources where retired_at is null"), "1000")


if __name__ == "__main__":
    unittest.main(verbosity=2)
