"""Jamf Pro end to end: Macs and mobile devices with what their inventory tells, whatever version of it the server has; records that break
their page; tokens that die; webhooks that name what is to be read again; live details. Every call is held to the product's description."""
import json
import unittest

import provider_spec
from processes import Http, eventually
from world import World

USER = {"auth": "user", "username": "sim-jamf-user", "password": 'sim-jamf-"pass:word"'}
CLIENT = {"auth": "api_client", "client_id": "sim-jamf-client", "client_secret": "sim-jamf-secret"}
PRIVILEGES = ["Read Computers", "Read User", "Read Static Computer Groups", "Read Smart Computer Groups", "Read Departments",
              "Read Buildings", "Read Sites", "Read Mobile Devices", "Read JSS URL"]


class Jamf(World):
    sim_flags = ("--seed", "7", "--jamf-computers", "90", "--jamf-mobile-devices", "12", "--jamf-apps", "6")
    hub_options = {"call_backoff": "10ms"}

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_computers_and_mobile_devices_are_read")
        cls.integration = world.configure_jamf()["id"]
        cls.first = world.sync("jamf")
        cls.summary = cls.sim.command("GET", "/control/jamf/summary")
        cls.applications = cls.cluster.value("select count(*) from asset_software where removed_at is null")

    def setUp(self):
        self.sim.command("DELETE", "/control/stats")

    def tearDown(self):
        self.sim.heal()
        self.settings(version="11.30", privileges=PRIVILEGES, said_why=False, token_life=3600, client_token_life=3600)
        provider_spec.check(self.sim, "jamf")

    def refused(self):
        """What the product refused in this test: it is as strict as the real one."""
        return [r["call"] for r in self.sim.stats()["jamf"]["refusals"]]

    def configure_jamf(self, key="jamf", **settings):
        return self.configure(key, {"base_url": self.sim.jamf, **CLIENT, "applications": True, **settings})

    def sync(self, key="jamf", **request):
        return super().sync(key, **request)

    def settings(self, **values):
        self.sim.command("PATCH", "/control/jamf/settings", values)

    def computer(self, number, **change):
        """Changes a computer of the simulator; gives it as it is then."""
        if change:
            self.sim.command("PATCH", f"/control/jamf/computers/{number}", change)
        return self.sim.command("GET", f"/control/jamf/computers/{number}")

    def source(self, device):
        """What the hub has of a device: its attributes, parts and the asset."""
        rows = self.cluster.sql(f"select asset_id from asset_sources where integration_id = {self.integration} and external_id = '{device}'")
        if not rows:
            return None
        asset = self.ok(self.api.get(f"/api/v1/assets/{rows[0][0]}"))
        source = next(s for s in asset["sources"] if s["external_id"] == str(device) and s["integration"] == "jamf")
        return {**source["attributes"], **source["facets"], "asset": asset, "source": source}

    def errors(self, run):
        return self.items(f"/api/v1/integrations/jamf/runs/{run['id']}/errors")

    def versions(self):
        """Which transaction wrote each row last, and what."""
        return [self.cluster.value(f"select md5(string_agg(t::text || t.xmin, ',' order by t::text)) from {table} t")
                for table in ("assets", "asset_sources", "organization_mappings", "asset_software", "people", "asset_groups")]

    # --- what is read ---
    def test_computers_and_mobile_devices_are_read(self):
        self.assertEqual(self.first["status"], "success", self.first)
        self.assertEqual(self.first["counters"]["processed"], self.summary["computers"] + self.summary["mobile_devices"])
        names = {o["name"] for o in self.items("/api/v1/integrations/jamf/organizations")}
        self.assertTrue({"Müller & Söhne GmbH", "Finch Ltd"} < names and len(names) == 3, names)
        mine, product = self.source(3), self.computer(3)
        self.assertEqual((mine["name"], mine["uid"], mine["system"]["serial"]), (product["name"], product["udid"], product["serialNumber"]))
        self.assertEqual(mine["url"], f"{self.sim.jamf}/computers.html?id=3&o=r")
        self.assertEqual([i["macs"] for i in mine["interfaces"]], [[product["macAddress"]], [product["altMacAddress"]]])
        self.assertEqual(mine["management"]["asset_tag"], "A-00003")
        self.assertEqual(mine["security"]["gatekeeper"], product["gatekeeperStatus"])
        self.assertEqual(mine["volumes"][0]["capacity_bytes"], 494384000000)
        place = self.source(8)["assignment"]
        self.assertEqual((place["building"], place["room"]), ("O'Hare \"North\"", "3.08"))
        self.assertEqual(self.source(7)["name"], "Jörg’s “Mac”")
        tablet = self.source("mobile-3")  # its number is a computer's as well
        self.assertEqual((tablet["asset"]["asset_type"], tablet["url"]),
                         ("mobile_device", f"{self.sim.jamf}/mobileDevices.html?id=3&o=r"))
        bare = self.source(40)  # has nothing but its id
        self.assertEqual((bare.get("name"), bare.get("system")), (None, None))

    # --- people and groups ---
    def group(self, number):
        """A group of the product as the hub has it, with the product's ids of its members."""
        found, = (g for g in self.items(f"/api/v1/groups?integration_id={self.integration}") if g["external_id"] == str(number))
        return found, {m["external_id"] for m in self.items(f"/api/v1/groups/{found['id']}/members")}

    def in_group(self, number):
        return {str(n) for n in range(1, 91) if n != 11 and number in self.computer(n)["groups"]} - {"11"}

    def test_groups_have_the_prefix_and_static_ones_their_members(self):
        self.sync()
        groups = {g["external_id"]: g for g in self.items(f"/api/v1/groups?integration_id={self.integration}")}
        self.assertEqual(len(groups), self.summary["groups"])
        self.assertEqual({groups["11"]["name"], groups["12"]["name"]}, {"[JAMF] Twins"})
        self.assertEqual(groups["10"]["name"], '[JAMF] Ausleihe "Büro" 🍏')
        self.assertEqual((groups["9"]["url"], groups["1"]["url"]), (f"{self.sim.jamf}/staticComputerGroups.html?id=9&o=r",
                                                                    f"{self.sim.jamf}/smartComputerGroups.html?id=1&o=r"))
        self.assertEqual((groups["1"]["smart"], groups["1"]["members"], self.group(13)[1]), (True, None, set()))
        loaners, members = self.group(9)
        self.assertEqual((members - {"11"}, loaners["smart"]), (self.in_group(9), False))

    def test_members_come_and_go_when_all_computers_were_read(self):
        self.sync()
        self.computer(3, removeGroup=9, quiet=True)
        self.computer(4, addGroup=9, quiet=True)
        self.addCleanup(self.computer, 4, removeGroup=9, quiet=True)
        self.addCleanup(self.computer, 3, addGroup=9, quiet=True)
        self.computer(24, damaged=True, quiet=True)
        self.assertEqual(self.sync()["status"], "partial")
        self.assertTrue({"3", "4", "24"} <= self.group(9)[1], "nobody has left")
        self.computer(24, damaged=False, quiet=True)
        self.assertEqual(self.sync()["status"], "success")
        self.assertEqual(self.group(9)[1] - {"11"}, self.in_group(9))

    def test_people_have_their_contact_data_only(self):
        self.sync()
        people = {p["external_id"]: p for p in self.items(f"/api/v1/people?integration_id={self.integration}")}
        self.assertEqual(len(people), self.summary["users"])
        one = people["6"]
        self.assertEqual((one["username"], one["email"], one["phone"], one["title"], one["url"]),
                         ("user1", "user1@client.example", "+49 30 5550001", "Designer", f"{self.sim.jamf}/users.html?id=6&o=r"))
        self.sim.command("PATCH", "/control/jamf/users/6", {"email": "new@client.example"})
        self.addCleanup(self.sim.command, "PATCH", "/control/jamf/users/6", {"email": "user1@client.example"})
        self.sync()
        self.assertEqual({p["email"] for p in self.items(f"/api/v1/people?integration_id={self.integration}") if p["external_id"] == "6"},
                         {"new@client.example"})

    def test_users_of_an_older_server_come_from_classic(self):
        self.settings(version="11.25")
        run = self.sync()
        self.assertEqual(run["status"], "success", run)
        self.assertEqual(provider_spec.check(self.sim, "jamf")["GET /JSSResource/users"], 1)
        people = self.items(f"/api/v1/people?integration_id={self.integration}")
        self.assertEqual(len(people), self.summary["users"])
        self.assertTrue(any(p["email"] for p in people) and any(not p["email"] for p in people))
        self.settings(version="11.30")
        self.sync()

    def test_applications_are_read_whole(self):
        self.assertEqual(int(self.applications), self.summary["applications"])
        self.assertEqual(self.first["records"]["software"]["created"], self.summary["applications"], self.first)

    def test_an_unchanged_sync_writes_nothing(self):
        self.sync()
        before = self.versions()
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["updated"], run["counters"]["created"]), ("success", 0, 0), run)
        self.assertEqual(self.versions(), before)
        self.assertEqual(self.refused(), [])

    # --- what changes ---
    def test_incremental_reads_what_is_newer(self):
        self.sync()
        provider_spec.check(self.sim, "jamf")
        was = self.source(5)["name"]
        self.computer(5, name="RENAMED-5")
        self.addCleanup(self.computer, 5, name=was)
        run = self.sync(mode="incremental")
        self.assertEqual(run["status"], "success", run)
        self.assertLess(run["counters"]["processed"], 30)
        self.assertEqual((self.source(5)["name"], run["counters"]["retired"]), ("RENAMED-5", 0))
        self.assertEqual(provider_spec.check(self.sim, "jamf")["GET /api/v4/computers-inventory"], 1)

    def test_a_computer_that_is_gone_is_retired_after_two_full_runs(self):
        self.sim.command("DELETE", "/control/jamf/computers/11")
        self.sync(mode="incremental")
        self.assertIsNone(self.source(11)["source"]["missing_since"])
        self.sync()
        self.assertTrue(self.source(11)["source"]["missing_since"])
        self.sync()
        self.assertTrue(self.source(11)["source"]["retired_at"])

    def test_webhooks_refresh_what_they_name(self):
        hook = self.ok(self.api.get("/api/v1/integrations/jamf/webhook"))
        self.sim.command("PUT", "/control/webhooks/jamf", {"url": hook["url"], "authentication_type": "HEADER",
                                                           "header": {hook["header"]: hook["secret"]}})
        self.addCleanup(self.sim.command, "DELETE", "/control/webhooks/jamf")
        self.computer(14, assetTag="HOOKED")
        eventually(lambda: self.source(14)["management"].get("asset_tag") == "HOOKED", "an inventory that was completed")
        added = self.sim.command("POST", "/control/jamf/computers", {"count": 1})["ids"][0]
        eventually(lambda: self.source(added), "a computer that was added")
        self.computer(15, assetTag="MOVED", quiet=True, removeGroup=1)
        eventually(lambda: self.source(15)["management"].get("asset_tag") == "MOVED", "a computer that left a smart group")
        seen = self.source(16)["source"]["last_seen"]
        self.sim.command("POST", "/control/jamf/computers/16/check-in")
        eventually(lambda: self.source(16)["source"]["last_seen"] > seen, "a check-in")
        self.sim.command("DELETE", f"/control/jamf/computers/{added}")
        self.addCleanup(self.sync)
        stats = self.sim.stats()["jamf"]["webhooks"]
        self.assertEqual((stats["failed"], set(stats["by_status"])), (0, {"202"}), stats)
        self.assertEqual(self.refused(), [])

    def test_webhooks_without_the_secret_or_in_xml_are_refused(self):
        hook = self.ok(self.api.get("/api/v1/integrations/jamf/webhook"))
        path = hook["url"][hook["url"].index("/webhooks/"):]
        body = {"event": {"jssID": 1}, "webhook": {"webhookEvent": "ComputerAdded", "eventTimestamp": 1}}
        with_secret, without = Http(self.hub.url, {hook["header"]: hook["secret"]}), Http(self.hub.url)
        self.addCleanup(with_secret.close)
        self.addCleanup(without.close)
        self.assertEqual(without.post(path, body).status, 401)
        self.assertEqual(with_secret.post(path, b"<?xml version='1.0'?><JSSEvent/>", headers={"Content-Type": "text/xml"}).status, 400)
        self.ok(with_secret.post(path, body), 202)

    # --- live ---
    def test_live_details_fall_back_to_what_is_known(self):
        asset = self.source(6)["asset"]["id"]
        live = self.ok(self.api.get(f"/api/v1/assets/{asset}/live"))
        self.assertEqual((live["origin"], live["result"]["name"]), ("product", self.computer(6)["name"]))
        self.assertEqual(live["result"]["url"], f"{self.sim.jamf}/computers.html?id=6&o=r")
        self.assertEqual(len(live["result"]["applications"]), 6)
        self.assertTrue({"enrollment", "user_approved_mdm", "filevault", "gatekeeper", "sip", "xprotect", "profiles", "groups",
                         "last_check_in"} <= set(live["result"]))
        provider_spec.check(self.sim, "jamf")
        again = self.ok(self.api.get(f"/api/v1/assets/{asset}/live"))
        self.assertEqual((again["origin"], again["result"]), ("cache", live["result"]))
        self.assertEqual(provider_spec.check(self.sim, "jamf"), {})  # ten minutes
        other = self.source(9)["asset"]["id"]
        self.sim.fault(product="jamf", path="/api/v4", kind="503", count=1000)
        old = self.ok(self.api.get(f"/api/v1/assets/{other}/live"))
        self.assertEqual((old["origin"], old["stale"]), ("last_sync", True), old)
        self.assertIn("503", old["reason"])

    # --- what goes wrong ---
    def test_a_damaged_record_costs_itself(self):
        self.sync()
        self.computer(20, spoiled=True, quiet=True)
        self.addCleanup(self.computer, 20, spoiled=False, quiet=True)
        self.computer(21, assetTag="NEIGHBOUR", quiet=True)
        run = self.sync()
        self.assertEqual((run["status"], run["counters"]["failed"]), ("partial", 1), run)
        error, = self.errors(run)
        self.assertEqual((error["kind"], error["id"]), ("device", "20"))
        self.assertIn("fails with a 500", error["reason"])
        self.assertEqual(self.source(21)["management"]["asset_tag"], "NEIGHBOUR")
        self.assertIsNone(self.source(20)["source"]["missing_since"])  # it is there

        self.computer(20, spoiled=False, damaged=True, quiet=True)
        self.addCleanup(self.computer, 20, damaged=False, quiet=True)
        self.computer(22, assetTag="NEIGHBOUR", quiet=True)
        for _ in range(2):
            run = self.sync()
            self.assertEqual((run["status"], run["counters"]["failed"], run["counters"]["retired"]), ("partial", 1, 0), run)
        self.assertIn("cannot be read, and not be named", json.dumps(run["notes"]))
        self.assertEqual(self.source(22)["management"]["asset_tag"], "NEIGHBOUR")
        self.assertIsNone(self.source(20)["source"]["retired_at"])

    def test_lists_that_move_are_not_believed(self):
        for kind in ("wrong_total", "omit_rows", "repeat_page", "stuck_cursor"):
            self.sim.fault(product="jamf", path="/api/v4/computers-inventory", kind=kind, count=1000)
            for _ in range(2):
                run = self.sync()
                self.assertEqual((run["status"], run["counters"]["retired"]), ("success" if kind == "repeat_page" else
                                 "partial" if kind != "stuck_cursor" else "success", 0), (kind, run))
            self.sim.heal()
        self.sim.fault(product="jamf", path="/api/v4/computers-inventory", kind="shuffle", count=1000)
        self.assertEqual(self.sync()["status"], "success")

    def test_an_outage_changes_nothing(self):
        self.sync()
        before = self.versions()
        for path in ("/api/v4/computers-inventory", "/api/v1/sites", "/api/v1/buildings", "/api/v2/mobile-devices"):
            for kind in ("503", "html200", "truncate", "malformed", "403"):
                self.sim.fault(product="jamf", path=path, kind=kind, count=1000)
                run = self.sync()
                self.assertIn(run["status"], ("failed", "partial"), (path, kind, run))
                self.sim.heal()
                if (path, kind) != ("/api/v1/buildings", "403"):  # a missing privilege: buildings have no names any more
                    self.assertEqual(self.versions()[:2], before[:2], (path, kind))
        eventually(lambda: self.sync()["status"] == "success", "all is well again", 90)

    def test_the_token_is_renewed_in_the_middle(self):
        self.sync()
        provider_spec.check(self.sim, "jamf")
        self.sim.fault(product="jamf", path="/api/v4/computers-inventory", kind="expire_token")
        self.assertEqual(self.sync()["status"], "success")
        calls = provider_spec.check(self.sim, "jamf")
        self.assertEqual((calls["POST /api/v1/oauth/token"], calls["GET /api/v4/computers-inventory"]), (1, 2), calls)

    def test_a_client_whose_tokens_live_a_minute(self):
        self.settings(client_token_life=60)
        self.configure_jamf(storage=False)
        self.addCleanup(self.configure_jamf, storage=True)
        self.sync()
        provider_spec.check(self.sim, "jamf")
        self.sync()
        self.assertNotIn("POST /api/v1/oauth/token", provider_spec.check(self.sim, "jamf"))  # not one a call

    def test_a_user_signs_in_as_well(self):
        self.configure("jamf:second", {"base_url": self.sim.jamf, **USER})
        run = self.sync("jamf:second")
        self.assertEqual(run["status"], "success", run)
        calls = provider_spec.check(self.sim, "jamf")
        self.assertEqual(calls["POST /api/v1/auth/token"], 1, calls)

    def test_older_servers_are_read_by_what_they_have(self):
        before = self.source(12)["source"]["agent_status"]
        self.assertNotEqual(before, "unknown")
        for version, call in (("11.29", "v3"), ("11.22", "v1")):
            self.settings(version=version)
            provider_spec.check(self.sim, "jamf")
            run = self.sync()
            self.assertEqual(run["status"], "success", run)
            self.assertIn(f"GET /api/{call}/computers-inventory", provider_spec.check(self.sim, "jamf"))
        self.assertEqual(self.source(12)["source"]["agent_status"], before)
        self.assertEqual(set(self.refused()), {"GET /api/v1/users"})  # which the second has in Classic

    def test_a_missing_privilege_is_named(self):
        self.settings(privileges=[p for p in PRIVILEGES if p != "Read Mobile Devices"])
        run = self.sync()
        self.assertEqual(run["status"], "partial", run)
        self.assertIn("the privilege Read Mobile Devices", json.dumps(run["notes"]))
        self.assertEqual(run["counters"]["retired"], 0)
        self.configure_jamf(mobile_devices=False)
        self.addCleanup(self.configure_jamf, mobile_devices=True)
        self.assertEqual(self.sync(mode="incremental")["status"], "success")

    # --- connections ---
    def test_connections_are_tested_before_they_are_stored(self):
        def test(settings):
            return self.ok(self.api.post("/api/v1/integrations/jamf/test", {"settings": {"base_url": self.sim.jamf, **settings}}))

        for settings, why in (({**CLIENT, "client_secret": "wrong"}, "client_id or client_secret is refused"),
                              ({**USER, "password": "wrong"}, "username or password is refused"),
                              ({**USER, "username": "sim-jamf-expired"}, "the password has expired"),
                              ({**CLIENT, "base_url": self.sim.msp360}, "base_url")):
            bad = test(settings)
            self.assertFalse(bad["ok"])
            self.assertIn(why, bad["message"])
            self.assertNotIn("wrong", bad["message"])
        good = test(CLIENT)
        self.assertTrue(good["ok"], good)
        self.assertIn("Jamf Pro 11.30.1 at", good["message"])
        self.assertIn("version 4 of the inventory", good["message"])

    def test_what_is_confidential_is_nowhere(self):
        self.configure("jamf:second", {"base_url": self.sim.jamf, **USER})
        self.sync("jamf:second")
        dump = json.dumps([self.cluster.sql(f"select to_jsonb(t) from {table} t") for table in
                           ("asset_sources", "integration_configurations", "sync_run_errors", "audit_logs")])
        shown = json.dumps([self.ok(self.api.get("/api/v1/integrations/jamf")), self.ok(self.api.get("/api/v1/integrations/jamf:second"))])
        for secret in ("sim-jamf-secret", 'sim-jamf-\\\\\\"pass', 'sim-jamf-"pass', "c2ltLWphbWYtdXNlcjpzaW0"):
            for text in (dump, shown, self.hub.process.text()):
                self.assertNotIn(secret, text)


class Thousand(World):
    """A fleet of the size that the budget of calls is told for."""

    sim_flags = ("--seed", "7", "--jamf-computers", "1000", "--jamf-mobile-devices", "120", "--jamf-apps", "10")

    def test_few_calls_read_everything(self):
        self.configure("jamf", {"base_url": self.sim.jamf, **CLIENT, "applications": True, "locations": True})
        run = self.sync("jamf")
        self.assertEqual((run["status"], run["counters"]["processed"]), ("success", 1120), run)
        calls = provider_spec.check(self.sim, "jamf")
        self.assertLessEqual(sum(calls.values()), 15, calls)
        self.assertEqual(self.cluster.value("select count(*) from rooms where name = '3.08' and missing_since is null"), "1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
