"""Lists of assets: every filter and order gives what the table holds, page by page; equal reads at the same time are one query."""
import itertools
import re
import threading
import unittest

from processes import eventually
from world import World

FILTERS = {
    "type": ("server", "asset_type = 'server'"),
    "agent_status": ("offline", "agent_status = 'offline'"),
    "organization_id": (None, "organization_id = {organization}"),
    "provider": ("tacticalrmm", "exists (select from asset_sources s join integration_configurations i using (tenant_id, integration_id)"
                 " where s.asset_id = a.asset_id and i.provider = 'tacticalrmm')"),
    "integration_id": (None, "exists (select from asset_sources s where s.asset_id = a.asset_id and s.integration_id = {integration})"),
    "q": ("WS-", "(name ilike '%ws-%' or hostname ilike '%ws-%' or serial ilike '%ws-%')"),
    "retired": ("true", "retired_at is not null"),
    "last_seen_before": (None, "last_seen < '{middle}'"),
    "last_seen_after": (None, "last_seen >= '{middle}'"),
}


class Reads(World):
    sim_flags = ("--seed", "5", "--ninja-devices", "150", "--ninja-orgs", "4", "--tactical-agents", "40", "--tactical-clients", "3")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_pages")
        world.configure_ninja()
        world.configure_tactical()
        world.sync("ninjaone")
        world.sync("tacticalrmm")
        # Machines that two integrations know, one that a product knows twice, and renamed ones.
        cls.cluster.sql("update asset_sources s set asset_id = (select min(asset_id) + 3 * (s.external_id::int % 5) from asset_sources t"
                        " where t.integration_id = s.integration_id) where s.external_id ~ '^[0-9]+$' and s.external_id::int % 11 = 0")
        cls.cluster.sql("update asset_sources t set asset_id = (select min(asset_id) from assets) where t.external_id in (select external_id"
                        " from asset_sources join integration_configurations using (tenant_id, integration_id) where provider = 'tacticalrmm'"
                        " order by 1 limit 2)")
        cls.cluster.sql("update assets set name = 'AA ' || name where asset_id % 7 = 0")
        cls.cluster.sql("update assets set retired_at = now(), updated_at = now() where asset_id % 9 = 0")

    def fill(self, text):
        return text.format(integration=self.integration, organization=self.organization, middle=self.middle)

    def setUp(self):
        self.organization = self.cluster.value("select organization_id from assets where organization_id is not null group by 1"
                                               " order by count(*) desc, 1 limit 1")
        self.middle = self.cluster.value("select to_char(percentile_disc(0.5) within group (order by last_seen) at time zone 'utc',"
                                         " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from assets")
        self.integration = self.cluster.value("select integration_id from integration_configurations where provider = 'tacticalrmm'")
        self.given = {"integration_id": self.integration, "organization_id": self.organization, "last_seen_before": self.middle, "last_seen_after": self.middle}

    def expected(self, names, order):
        where = [self.fill(FILTERS[n][1]) for n in names] + ([] if "retired" in names else ["retired_at is null"])
        sql = f"select asset_id from assets a where {' and '.join(where)} order by {order}"
        return [int(i) for i in self.cluster.value(f"select string_agg(asset_id::text, ',') from ({sql}) x").split(",") if i]

    def test_pages(self):
        """Each filter alone, each pair, and all; each against the table itself, in pages of a size that divides nothing."""
        choices = [(), *((n,) for n in FILTERS), *itertools.combinations(FILTERS, 2)]
        some = 0
        for names in choices:
            for sort, order in ("name", "name_key, asset_id"), ("id", "asset_id"):
                query = "&".join([f"{n}={FILTERS[n][0] or self.given[n]}" for n in names] + [f"sort={sort}", "limit=37"])
                got = [item["id"] for item in self.items("/api/v1/assets?" + query)]
                self.assertEqual(got, self.expected(names, order), query)
                some += bool(got)
        self.assertGreater(some, len(choices))  # most of them found something

    def test_a_search_is_text_and_no_pattern(self):
        self.cluster.sql("update assets set hostname = 'ODD_50%\\Ä' where asset_id = (select min(asset_id) from assets where retired_at is null)")
        for text, found in (("odd_50%25", 1), ("50%25%5C%C3%A4", 1), ("o_d", 0), ("%25%25", 0), ("_5", 1)):
            self.assertEqual(len(self.items(f"/api/v1/assets?q={text}")), found, text)

    def test_an_item_is_the_same_in_the_list_and_alone(self):
        item = self.ok(self.api.get("/api/v1/assets?limit=1"))["items"][0]
        alone = self.ok(self.api.get(f"/api/v1/assets/{item['id']}"))
        self.assertEqual(item, {k: v for k, v in alone.items() if k in item})
        self.assertEqual(set(alone) - set(item), {"provenance", "locks", "sources"})

    def pages_read(self):
        text = self.api.get("/metrics").body.decode()
        return sum(float(v) for v in re.findall(r'^msphub_db_statements_total(?:\{[^}]*\})? (\S+)$', text, re.M))

    def test_equal_reads_at_once_are_one_query(self):
        """While the table is locked, readers gather: the first has its query, all that came behind it share the next."""
        self.ok(self.api.get("/api/v1/assets?limit=3"))
        holder = self.cluster.session("begin; lock table assets in access exclusive mode; update assets set name = name || ' (renamed)'"
                                      " where asset_id = (select asset_id from assets where retired_at is null order by name_key, asset_id limit 1);")
        before = self.pages_read()
        readers, answers = [], []
        clients = [self.connect(self.key) for _ in range(20)]
        for client in clients:
            readers.append(threading.Thread(target=lambda c=client: answers.append(c.get("/api/v1/assets?limit=3"))))
            readers[-1].start()
        eventually(lambda: self.cluster.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name like 'msphub%'") == "1",
                   "one reader's query waits")
        eventually(lambda: float(re.search(r"^msphub_api_requests_in_progress (\S+)$", self.api.get("/metrics").body.decode(), re.M).group(1)) > 20,
                   "all readers have come")
        holder.end("commit;")
        for reader in readers:
            reader.join()
        self.assertEqual({a.status for a in answers}, {200})
        self.assertEqual(len({a.body for a in answers}), 1)
        self.assertIn("(renamed)", answers[0].body.decode())
        self.assertLess(self.pages_read() - before, 10)


if __name__ == "__main__":
    unittest.main()
