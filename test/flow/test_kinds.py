"""What is read of products beside devices and alerts: software and patches by way of Tactical RMM, the lists of the other kinds."""
import unittest
import urllib.parse

from world import World


class Kinds(World):
    sim_flags = ("--seed", "7", "--ninja-devices", "1", "--tactical-agents", "24", "--tactical-clients", "3")
    hub_options = {"call_attempts": "2", "call_backoff": "10ms"}

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_software_of_an_asset")
        world.configure_tactical()
        cls.first = world.sync("tacticalrmm")

    def tearDown(self):
        self.sim.heal()

    def agent(self, number):
        return self.sim.command("GET", f"/control/tactical/agents/{number}")

    def asset_of(self, number):
        external = self.agent(number)["agent_id"]
        return self.cluster.value(f"select asset_id from asset_sources where external_id = '{external}'")

    def written(self, *tables):
        return [self.cluster.value(f"select md5(string_agg(t.ctid::text || t.xmin || t.xmax, ',' order by t.ctid)) from {table} t")
                for table in tables]

    def with_rows(self, path):
        """The number of an agent whose asset has something there."""
        return next(n for n in range(1, 25) if self.items(f"/api/v1/assets/{self.asset_of(n)}/{path}"))

    def names(self, asset, **query):
        return [s["name"] for s in self.items(f"/api/v1/assets/{asset}/software?" + urllib.parse.urlencode(query))]

    def test_software_of_an_asset(self):
        self.assertEqual(self.first["status"], "success", self.first)
        number = self.with_rows("software")
        asset = self.asset_of(number)
        before = self.names(asset)
        self.assertEqual(before, sorted(before, key=str.lower))
        run = self.sync("tacticalrmm")
        counts = run["records"]["software"]
        self.assertEqual((counts["created"], counts["updated"], counts["removed"]), (0, 0, 0), run)
        self.assertGreater(counts["processed"], 0)

        self.sim.command("PATCH", f"/control/tactical/agents/{number}", {"addSoftware": {"name": 'Zebra "Reader"', "version": "26.1"}})
        run = self.sync("tacticalrmm")
        self.assertEqual(run["records"]["software"]["created"], 1, run)
        self.assertIn('Zebra "Reader"', self.names(asset))
        self.assertEqual(self.names(asset, q="zebra"), ['Zebra "Reader"'])
        self.assertEqual(self.names(asset, removed="true"), [])
        pages = []
        for limit in (1, 500):
            pages.append([s["name"] for s in self.items(f"/api/v1/assets/{asset}/software?limit={limit}")])
        self.assertEqual(*pages)

        found = self.items("/api/v1/software?q=zebra%20%22")
        self.assertEqual([(s["name"], s["assets"], s["versions"]) for s in found], [('Zebra "Reader"', 1, 1)])
        one = self.ok(self.api.get(f"/api/v1/software/{found[0]['id']}"))
        self.assertEqual(one["versions"], [{"version": "26.1", "assets": 1}])
        where = self.items(f"/api/v1/software/{found[0]['id']}/assets")
        self.assertEqual([(w["asset_id"], w["version"]) for w in where], [(int(asset), "26.1")])

    def test_a_cut_list_removes_nothing(self):
        tables = ("asset_software", "software_catalog")
        before = self.written(*tables)
        self.sim.fault(kind="malformed", path="/software/", count=50)
        run = self.sync("tacticalrmm")
        self.assertNotEqual(run["status"], "success", run)
        self.assertEqual(self.written(*tables), before)
        self.assertEqual(self.cluster.value("select count(*) from sync_run_lists"), "0")

    def test_dry_run_counts_and_writes_nothing(self):
        tables = ("asset_software", "software_catalog", "source_lists", "asset_patches")
        number = self.with_rows("software")
        before = self.written(*tables)
        self.sim.command("PATCH", f"/control/tactical/agents/{number}", {"addSoftware": {"name": "Dry", "version": "1"}})
        run = self.sync("tacticalrmm", mode="full", dry_run=True)
        self.assertEqual(run["records"]["software"]["created"], 1, run)
        self.assertEqual(self.written(*tables), before)

    def test_one_device_is_read_by_itself(self):
        number = self.with_rows("software")
        asset = self.asset_of(number)
        self.sim.command("PATCH", f"/control/tactical/agents/{number}", {"addSoftware": {"name": "Single", "version": "1"}})
        run = self.sync("tacticalrmm", mode="single", device_id=self.agent(number)["agent_id"])
        self.assertEqual(run["status"], "success", run)
        self.assertIn("Single", self.names(asset))
        self.assertEqual(self.names(asset, removed="true"), [])

    def test_patches(self):
        pending = self.items("/api/v1/patches?limit=50")
        self.assertTrue(all(p["status"] == "pending" and p["asset_id"] for p in pending))
        self.sync("tacticalrmm")
        before = self.written("asset_patches")
        self.sync("tacticalrmm")
        self.assertEqual(self.written("asset_patches"), before)
        every = [p for status in ("unknown", "pending", "approved", "rejected", "failed", "installed")
                 for p in self.items(f"/api/v1/patches?status={status}")]
        self.assertEqual(len(every), int(self.cluster.value("select count(*) from asset_patches where closed_at is null")))
        for number in range(1, 25):
            asset = self.asset_of(number)
            mine = self.items(f"/api/v1/assets/{asset}/patches")
            self.assertEqual({p["id"] for p in mine}, {p["id"] for p in every if str(p["asset_id"]) == asset})
            summary = self.ok(self.api.get(f"/api/v1/assets/{asset}/patches/summary"))
            self.assertEqual(sum(f["pending"] for f in summary["families"].values()), sum(p["status"] == "pending" for p in mine))
            self.assertEqual(summary["compliant"], not any(p["status"] in ("pending", "approved", "failed") for p in mine))

    def test_lists_of_the_other_kinds(self):
        for path in ("people", "groups", "licenses"):
            self.assertEqual(self.items(f"/api/v1/{path}"), [])
        self.assertEqual(self.items(f"/api/v1/assets/{self.asset_of(1)}/groups"), [])
        locations = self.items("/api/v1/locations?limit=1")
        self.assertEqual(len(locations), int(self.cluster.value("select count(*) from provider_locations")))
        for path in ("assets/999999/software", "assets/999999/patches", "assets/999999/patches/summary", "assets/999999/groups",
                     "software/999999", "software/999999/assets", "people/999999", "groups/999999", "groups/999999/members"):
            self.problem(self.api.get(f"/api/v1/{path}"), 404)
        for path in ("patches?status=lost", "groups?of=cats", "licenses?taken=2", "people?client_id=x", "software?after=x",
                     "assets/1/software?removed=perhaps", "locations?rooms=1"):
            self.problem(self.api.get(f"/api/v1/{path}"), 422)


if __name__ == "__main__":
    unittest.main()
