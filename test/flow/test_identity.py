"""One asset a machine: what two products and a person say of it, over REST."""
import unittest

from processes import eventually
from world import World


class Identity(World):
    """Each test takes machines of its own: a Ninja device gets the serial of a Tactical agent, and both are synced."""
    sim_flags = ("--seed", "7", "--ninja-devices", "40", "--ninja-orgs", "3", "--tactical-agents", "40", "--tactical-clients", "3")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_both_know_it")
        world.configure_ninja()
        world.configure_tactical()
        world.sync("ninjaone")
        world.sync("tacticalrmm")
        cls.taken = set()
        cls.operator = cls.connect(cls.new_key("acme", "operator"))
        cls.viewer = cls.connect(cls.new_key("acme", "viewer"))

    def asset(self, asset_id):
        return self.ok(self.api.get(f"/api/v1/assets/{asset_id}"))

    def change(self, asset_id, etag="*", api=None, **fields):
        return (api or self.operator)("PATCH", f"/api/v1/assets/{asset_id}", fields, headers={"If-Match": etag})

    def post(self, path, body, api=None):
        return (api or self.operator).post(path, body)

    def pick(self, same_maker=True):
        """A Tactical agent's and a Ninja device's asset, of machines that nothing else tells apart."""
        computers = ("workstation", "server")
        tactical = [a for a in self.items("/api/v1/assets?provider=tacticalrmm") if a["serial"] and a["manufacturer"] and a["asset_type"] in computers]
        ninja = [a for a in self.items("/api/v1/assets?provider=ninjaone") if a["serial"] and a["manufacturer"] and a["asset_type"] in computers]
        word = lambda a: a["manufacturer"].split()[0].lower()
        for t in tactical:
            for n in ninja:
                if {t["id"], n["id"]} & self.taken or (word(t) == word(n)) != same_maker or t["id"] == n["id"]:
                    continue
                self.taken.update((t["id"], n["id"]))
                return t, n
        self.fail("no two machines left")

    def source(self, asset, provider):
        sources = self.ok(self.api.get(f"/api/v1/assets/{asset['id']}/sources"))["items"]
        return next(s for s in sources if s["integration"].startswith(provider))

    def become_one(self):
        """The asset of a machine that both know."""
        t, n = self.pick()
        device = self.source(n, "ninjaone")["external_id"]
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"serialNumber": " " + t["serial"].lower()})
        self.sync("ninjaone")
        kept, gone = min(t["id"], n["id"]), max(t["id"], n["id"])
        return self.asset(kept), gone, device

    def conflicts(self, asset, **query):
        return self.items(f"/api/v1/conflicts?asset_id={asset['id']}" + "".join(f"&{k}={v}" for k, v in query.items()))

    # --- machines ---
    def test_both_know_it(self):
        asset, gone, device = self.become_one()
        self.assertEqual(sorted(s["integration"] for s in asset["sources"]), ["ninjaone", "tacticalrmm"])
        problem = self.problem(self.api.get(f"/api/v1/assets/{gone}"), 404)
        self.assertEqual((problem["type"], problem["asset_id"]), ("/problems/merged_asset", asset["id"]))
        joined = [h for h in self.items(f"/api/v1/assets/{asset['id']}/history") if h["action"] == "joined" and h["details"]["asset_id"] == gone]
        self.assertEqual([(h["details"]["asset_id"], h["details"]["reason"]) for h in joined], [(gone, "same serial")])
        of = {s["integration"]: s["integration_id"] for s in asset["sources"]}
        self.assertEqual(asset["provenance"]["name"], of["ninjaone"])  # that product is believed first
        self.assertNotIn(gone, [a["id"] for a in self.items("/api/v1/assets")])
        # nothing is written when nothing has changed
        before = self.cluster.value("select count(*) || ' ' || max(history_id) from asset_history")
        for key in "ninjaone", "tacticalrmm":
            run = self.sync(key)
            self.assertEqual((run["counters"]["created"], run["counters"]["updated"]), (0, 0), run)
        self.assertEqual(self.cluster.value("select count(*) || ' ' || max(history_id) from asset_history"), before)

    def test_other_tenant(self):
        """The same products, organization ids and serials, and nothing in common."""
        api = self.connect(self.new_tenant("other", "Other MSP"))
        answer = api.post("/api/v1/integrations/tacticalrmm/configure",
                          {"settings": {"base_url": self.sim.tactical, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}})
        self.ok(answer)
        ours = {a["serial"]: a["id"] for a in self.items("/api/v1/assets?provider=tacticalrmm")}
        self.api, mine = api, self.api
        try:
            self.sync("tacticalrmm")
            theirs = {a["serial"]: a["id"] for a in self.items("/api/v1/assets")}
            self.assertEqual(len(self.items("/api/v1/assets")), 40)
            self.assertFalse(set(ours.values()) & set(theirs.values()))
            self.problem(api.get(f"/api/v1/assets/{min(ours.values())}"), 404)
            self.problem(self.change(min(ours.values()), api=api, name="mine"), 404)
            self.problem(self.post(f"/api/v1/assets/{min(theirs.values())}/merge", {"other": min(ours.values())}, api), 422)
        finally:
            self.api = mine

    def test_two_at_once(self):
        """Two integrations meet the same machines for the first time, at the same time: each machine is one asset."""
        api = self.connect(self.new_tenant("twins", "Twin MSP"))
        runs = {}
        for key in "tacticalrmm", "tacticalrmm:twin":
            self.ok(api.post(f"/api/v1/integrations/{key}/configure",
                             {"settings": {"base_url": self.sim.tactical, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}}))
        for key in "tacticalrmm", "tacticalrmm:twin":
            runs[key] = self.ok(api.post(f"/api/v1/integrations/{key}/sync", {"mode": "full"}), 202, 409)["run_id"]
        for key, run in runs.items():
            ended = eventually(lambda: (r := self.ok(api.get(f"/api/v1/integrations/{key}/runs/{run}")))["status"] not in ("queued", "running") and r, key)
            self.assertEqual(ended["status"], "success", ended)
        assets = self.ok(api.get("/api/v1/assets?limit=500"))["items"]
        self.assertEqual(len([a for a in assets if a["serial"]]), len({a["serial"] for a in assets if a["serial"]}))
        self.assertLess(len(assets), 80)
        self.assertEqual(self.ok(api.get("/api/v1/conflicts"))["items"], [])

    def test_candidate(self):
        t, n = self.pick(same_maker=False)
        device = self.source(n, "ninjaone")["external_id"]
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"serialNumber": t["serial"]})
        self.sync("ninjaone")
        found, = self.conflicts(n, kind="candidate", status="open")
        self.assertEqual(found["reason"], "same serial, another manufacturer")
        self.assertEqual({found["asset_id"], found["other_asset_id"]}, {t["id"], n["id"]})
        path = f"/api/v1/conflicts/{found['id']}"
        self.assertEqual(self.ok(self.api.get(path)), found)
        self.problem(self.post(path + "/resolve", {"resolution": "ours"}), 422)
        self.problem(self.post(path + "/resolve", {"resolution": "merged"}, self.viewer), 403)
        apart = self.ok(self.post(path + "/resolve", {"resolution": "apart"}))
        self.assertEqual((apart["status"], apart["resolution"]), ("resolved", "apart"))
        self.problem(self.post(path + "/resolve", {"resolution": "merged"}), 409)
        self.sync("ninjaone")
        self.assertEqual(self.conflicts(n, status="open"), [])
        # one that a person merges, on a second thought
        self.ok(self.post(f"/api/v1/assets/{t['id']}/merge", {"other": n["id"]}))
        self.assertEqual(len(self.asset(t["id"])["sources"]), 2)

    def test_a_candidate_that_is_one(self):
        t, n = self.pick(same_maker=False)
        self.sim.command("PATCH", f"/control/ninja/devices/{self.source(n, 'ninjaone')['external_id']}", {"serialNumber": t["serial"]})
        self.sync("ninjaone")
        found, = self.conflicts(n, status="open")
        settled = self.ok(self.post(f"/api/v1/conflicts/{found['id']}/resolve", {"resolution": "merged"}))
        kept = min(t["id"], n["id"])
        self.assertEqual((settled["resolution"], settled["asset_id"], settled["other_asset_id"]), ("merged", kept, kept))
        self.sync("ninjaone")
        self.assertEqual(len(self.asset(kept)["sources"]), 2)
        self.assertEqual([h["action"] for h in self.items(f"/api/v1/assets/{kept}/history") if h["actor"]], ["merged"])
        self.assertIn("conflict.resolved", [a["action"] for a in self.items("/api/v1/audit?target_type=conflict")])

    def test_a_candidate_that_is_no_more(self):
        t, n = self.pick(same_maker=False)
        device = self.source(n, "ninjaone")["external_id"]
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"serialNumber": t["serial"]})
        self.sync("ninjaone")
        self.assertEqual(len(self.conflicts(n, status="open")), 1)
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"serialNumber": n["serial"]})
        self.sync("ninjaone")
        self.cluster.sql("set msphub.tenant = '*'; select msphub_conflicts_settle(1000)")  # as the upkeep does each minute
        self.assertEqual(self.conflicts(n), [])

    def test_clones(self):
        machines = [a for a in self.items("/api/v1/assets?provider=ninjaone&type=workstation") if a["serial"] and a["id"] not in self.taken]
        a, b = next((x, y) for x in machines for y in machines if x["id"] < y["id"] and x["manufacturer"] == y["manufacturer"])
        self.taken.update((a["id"], b["id"]))
        for asset in a, b:
            self.sim.command("PATCH", f"/control/ninja/devices/{self.source(asset, 'ninjaone')['external_id']}",
                             {"serialNumber": a["serial"], "offline": False})
        self.sync("ninjaone")
        self.assertEqual([c["kind"] for c in self.conflicts(a, status="open")], ["clone"])
        self.assertEqual([self.asset(x["id"])["id"] for x in (a, b)], [a["id"], b["id"]])

    def test_merge_and_split_hold(self):
        t, n = self.pick()
        path = f"/api/v1/assets/{t['id']}"
        self.problem(self.post(path + "/merge", {"other": t["id"]}), 422)
        self.problem(self.post(path + "/merge", {"other": n["id"]}, self.viewer), 403)
        merged = self.ok(self.post(path + "/merge", {"other": n["id"]}))
        self.assertEqual(len(merged["sources"]), 2)
        self.sync("ninjaone")
        self.sync("tacticalrmm")
        self.assertEqual(len(self.asset(t["id"])["sources"]), 2)  # although nothing but a person says that they are one
        source = self.source(t, "ninjaone")
        self.problem(self.post(path + "/split", {"integration_id": source["integration_id"], "external_id": "nobody"}), 422)
        answer = self.post(path + "/split", {"integration_id": source["integration_id"], "external_id": source["external_id"]})
        made = self.ok(answer, 201)
        self.assertEqual((made["from_id"], answer.headers["Location"]), (t["id"], f"/api/v1/assets/{made['id']}"))
        self.assertEqual(self.asset(made["id"])["name"], n["name"])
        self.assertEqual(self.asset(t["id"])["name"], t["name"])
        self.problem(self.post(path + "/split", {"integration_id": self.source(t, "tacticalrmm")["integration_id"],
                                                 "external_id": self.source(t, "tacticalrmm")["external_id"]}), 409)
        # now even the same serial does not make them one
        self.sim.command("PATCH", f"/control/ninja/devices/{source['external_id']}", {"serialNumber": t["serial"]})
        self.sync("ninjaone")
        self.assertEqual([len(self.asset(x)["sources"]) for x in (t["id"], made["id"])], [1, 1])
        self.assertEqual([h["action"] for h in self.items(path + "/history") if h["actor"]], ["split", "merged"])
        actions = [a["action"] for a in self.items("/api/v1/audit?target_type=asset") if a["target"]["id"] == t["id"]]
        self.assertEqual(actions, ["asset.split", "asset.merged"])

    # --- fields ---
    def test_locks(self):
        asset, _, device = self.become_one()
        path = f"/api/v1/assets/{asset['id']}"
        etag = self.api.get(path).headers["ETag"]
        self.problem(self.operator("PATCH", path, {"name": "X"}), 428)
        self.problem(self.change(asset["id"], api=self.viewer, name="X"), 403)
        for wrong in ({}, {"name": ""}, {"name": None}, {"name": 7}, {"asset_type": "toaster"}, {"client_id": "1"}, {"serial": "1"},
                      {"asset_tag": "x" * 201}, {"client_id": 999999999}):
            self.problem(self.change(asset["id"], **wrong), 422)
        edited = self.change(asset["id"], etag, name=" Empfang – „Größe“ 😀 ", asset_tag="Z-1", description=None)
        self.assertEqual(self.ok(edited)["name"], "Empfang – „Größe“ 😀")
        self.assertEqual(sorted(edited.json["locks"]), ["asset_tag", "description", "name"])
        self.assertIsNone(edited.json["description"])
        self.problem(self.change(asset["id"], etag, name="Late"), 412)
        found, = self.conflicts(asset, kind="field")
        self.assertEqual((found["field"], found["ours"], found["theirs"]), ("name", "Empfang – „Größe“ 😀", asset["name"]))
        # a sync leaves it, and the conflict follows what the product says
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "NEW-NAME"})
        self.sync("ninjaone")
        self.assertEqual(self.asset(asset["id"])["name"], "Empfang – „Größe“ 😀")
        again, = self.conflicts(asset, kind="field")
        self.assertEqual((again["id"], again["theirs"], again["integration_id"]), (found["id"], "NEW-NAME", found["integration_id"]))
        kept = self.ok(self.post(f"/api/v1/conflicts/{found['id']}/resolve", {"resolution": "ours"}))
        self.assertEqual((kept["status"], kept["resolution"]), ("resolved", "ours"))
        self.sync("ninjaone")
        self.assertEqual(self.conflicts(asset, status="open"), [])
        # another name is another question; and it goes when the product agrees
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "NEWER"})
        self.sync("ninjaone")
        self.assertEqual([c["theirs"] for c in self.conflicts(asset, status="open")], ["NEWER"])
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "Empfang – „Größe“ 😀"})
        self.sync("ninjaone")
        self.assertEqual(self.conflicts(asset), [])
        # theirs: the lock goes, the field is the product's
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "NEWEST"})
        self.sync("ninjaone")
        found, = self.conflicts(asset, status="open")
        self.ok(self.post(f"/api/v1/conflicts/{found['id']}/resolve", {"resolution": "theirs"}))
        now = self.asset(asset["id"])
        self.assertEqual((now["name"], sorted(now["locks"])), ("NEWEST", ["asset_tag", "description"]))
        self.assertIsNone(self.ok(self.operator("DELETE", path + "/locks/asset_tag"))["asset_tag"])
        self.problem(self.operator("DELETE", path + "/locks/asset_tag"), 404)
        history = self.items(path + "/history")
        self.assertEqual([h["action"] for h in history if h["actor"]], ["unlocked", "unlocked", "edited"])
        renamed = next(h for h in history if h["action"] == "edited")
        self.assertEqual(renamed["details"]["fields"]["name"], {"from": asset["name"], "to": "Empfang – „Größe“ 😀"})
        self.assertIn("asset_lock.created", [a["action"] for a in self.items("/api/v1/audit?target_type=asset_lock")])

    def test_client(self):
        asset, _, device = self.become_one()
        client = self.ok(self.api.post("/api/v1/clients", {"name": "Placed by hand"}), 201)
        placed = self.ok(self.change(asset["id"], client_id=client["id"]))
        self.assertEqual((placed["client_id"], placed["client"]), (client["id"], "Placed by hand"))
        self.sync("ninjaone")
        self.assertEqual(self.asset(asset["id"])["client_id"], client["id"])
        self.assertIsNone(self.ok(self.change(asset["id"], client_id=None))["client_id"])
        self.assertEqual(self.asset(asset["id"])["locks"], {})

    def test_a_move_keeps_history(self):
        asset, _, device = self.become_one()
        others = [o for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["name"] != asset["organization"]]
        self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"organizationId": int(others[0]["external_id"])})
        self.sync("ninjaone")
        moved = self.asset(asset["id"])
        self.assertEqual(moved["organization_id"], others[0]["id"])
        change = next(h for h in self.items(f"/api/v1/assets/{asset['id']}/history") if h["action"] == "changed")
        self.assertEqual(change["details"]["fields"]["organization_id"], {"from": asset["organization_id"], "to": others[0]["id"]})
        self.assertEqual(change["integration_id"], self.source(asset, "ninjaone")["integration_id"])

    def test_precedence(self):
        asset, _, device = self.become_one()
        says = {s["integration"]: s["attributes"]["name"] for s in asset["sources"]}
        self.assertNotEqual(says["ninjaone"], says["tacticalrmm"])
        self.assertEqual(asset["name"], says["ninjaone"])
        groups = {g["group"]: g for g in self.ok(self.viewer.get("/api/v1/precedence"))["items"]}
        self.assertLess(groups["tags"]["providers"].index("ours"), groups["tags"]["providers"].index("jamf"))
        self.assertEqual(groups["assignment"]["providers"][0], "jamf")
        self.problem(self.operator("PUT", "/api/v1/precedence/name", {"providers": ["tacticalrmm"]}), 403)
        self.problem(self.api("PUT", "/api/v1/precedence/nothing", {"providers": ["tacticalrmm"]}), 404)
        for wrong in ({}, {"providers": []}, {"providers": ["nobody"]}, {"providers": ["jamf", "jamf"]}, {"providers": "jamf"}):
            self.problem(self.api("PUT", "/api/v1/precedence/name", wrong), 422)
        self.problem(self.api("PUT", "/api/v1/precedence/os", {"providers": ["ours"]}), 422)
        try:
            changed = self.ok(self.api("PUT", "/api/v1/precedence/name", {"providers": ["tacticalrmm", "ninjaone"]}))
            name = next(g for g in changed["items"] if g["group"] == "name")
            self.assertEqual((name["providers"], name["is_default"]), (["tacticalrmm", "ninjaone"], False))
            eventually(lambda: self.asset(asset["id"])["name"] == says["tacticalrmm"], "the other product's name counts")
        finally:
            self.ok(self.api("PUT", "/api/v1/precedence/name", {"providers": None}))
        eventually(lambda: self.asset(asset["id"])["name"] == says["ninjaone"], "the default counts again")
        self.assertEqual([a["action"] for a in self.items("/api/v1/audit?target_type=precedence")], ["precedence.deleted", "precedence.created"])

    def test_a_removed_integration_says_no_more(self):
        self.configure_tactical("tacticalrmm:second")
        self.sync("tacticalrmm:second")
        second = self.items("/api/v1/assets?provider=tacticalrmm")
        both = next(self.asset(a["id"]) for a in second if a["serial"] and a["id"] not in self.taken)
        self.assertEqual([s["integration"] for s in both["sources"] if s["integration"].startswith("tactical")], ["tacticalrmm", "tacticalrmm:second"])
        self.ok(self.api("DELETE", "/api/v1/integrations/tacticalrmm:second", headers={"If-Match": "*"}))
        left = self.asset(both["id"])
        self.assertEqual((len(left["sources"]), left["retired_at"]), (len(both["sources"]) - 1, None))


if __name__ == "__main__":
    unittest.main()
