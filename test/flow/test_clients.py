"""Clients, and the organizations that are mapped to them."""
import unittest

from world import World


class Clients(World):
    sim_flags = ("--seed", "7", "--ninja-devices", "90", "--ninja-orgs", "12", "--tactical-agents", "1", "--tactical-clients", "1")

    @classmethod
    def build(cls):
        super().build()
        world = cls("test_life")
        world.configure_ninja()
        world.sync("ninjaone")
        cls.other = cls.connect(cls.new_tenant("other", "Other MSP"))

    def create(self, api=None, **body):
        answer = (api or self.api).post("/api/v1/clients", body)
        return self.ok(answer, 201), answer.headers["ETag"]

    def change(self, method, path, etag, body=None, api=None):
        return (api or self.api)(method, path, body, headers={"If-Match": etag} if etag else {})

    def test_life(self):
        client, etag = self.create(name="  Ärzte & Söhne  ", reference="R-1")
        self.assertEqual((client["name"], client["organizations"]), ("Ärzte & Söhne", 0))
        path = f"/api/v1/clients/{client['id']}"
        self.problem(self.api.post("/api/v1/clients", {"name": "ärzte & söhne"}), 409)
        self.problem(self.api.post("/api/v1/clients", {"name": "Another", "reference": "R-1"}), 409)
        self.problem(self.change("PATCH", path, None, {"name": "X"}), 428)
        edited = self.change("PATCH", path, etag, {"name": "Ärzte GmbH"})
        self.assertEqual(self.ok(edited)["reference"], "R-1")
        self.problem(self.change("PATCH", path, etag, {"name": "Late"}), 412)
        self.assertIsNone(self.ok(self.change("PATCH", path, "*", {"reference": None}))["reference"])
        self.assertEqual([c["name"] for c in self.items("/api/v1/clients?q=%C3%A4RZTE")], ["Ärzte GmbH"])
        self.assertEqual(self.change("DELETE", path, "*").status, 204)
        self.problem(self.api.get(path), 404)
        self.assertEqual([(a["action"], a["target"]["name"]) for a in self.items("/api/v1/audit?target_type=client") if a["target"]["name"].startswith("Ä")],
                         [("client.deleted", "Ärzte GmbH"), ("client.updated", "Ärzte GmbH"), ("client.updated", "Ärzte GmbH"),
                          ("client.created", "Ärzte & Söhne")])

    def test_mapping(self):
        client, _ = self.create(name="Mapped Ltd")
        organization = next(o for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["assets"])
        path = f"/api/v1/integrations/ninjaone/organizations/{organization['id']}"
        mapped = self.change("PATCH", path, f'"{organization["version"]}"', {"client_id": client["id"]})
        self.assertEqual((self.ok(mapped)["status"], mapped.json["client"]), ("mapped", "Mapped Ltd"))
        assets = self.items(f"/api/v1/assets?organization_id={organization['id']}")
        self.assertEqual({a["client"] for a in assets}, {"Mapped Ltd"})
        self.assertEqual(len(assets), organization["assets"])
        self.problem(self.change("PATCH", path, "*", {"client_id": client["id"] + 1000}), 422)
        self.problem(self.change("PATCH", path, "*", {"client_id": client["id"], "ignored": True}), 422)
        self.problem(self.change("PATCH", path, "*", {}), 422)
        self.sync("ninjaone")  # a sync leaves what people decided
        self.assertEqual(self.ok(self.api.get(f"/api/v1/clients/{client['id']}"))["organizations"], 1)
        self.assertEqual(self.change("DELETE", f"/api/v1/clients/{client['id']}", "*").status, 204)
        self.assertEqual([o["status"] for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["id"] == organization["id"]], ["unmapped"])
        ignored = self.ok(self.change("PATCH", path, "*", {"ignored": True}))
        self.assertEqual((ignored["status"], ignored["client_id"]), ("ignored", None))

    def undecided(self):
        return [o for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["status"] == "unmapped"]

    def suggested(self, organization):
        rows = self.items("/api/v1/integrations/ninjaone/organizations/suggestions")
        return next(r for r in rows if r["organization_id"] == organization["id"])["suggestions"]

    def rename(self, organization, name):
        self.cluster.sql(f"update organization_mappings set name = $x${name}$x$ where organization_id = {organization['id']}")

    def test_suggestions(self):
        equal, spelled, alike, torn, stranger = self.undecided()[:5]
        for organization, name in ((equal, "Möwe Reisen"), (spelled, "Grün & Söhne GmbH & Co. KG"), (alike, "Brightwater Dental Care"),
                                   (torn, "Falcon Inc."), (stranger, "Qqq 12345 zzz")):
            self.rename(organization, name)
        names = {name: self.create(name=name)[0]["id"] for name in
                 ("MÖWE Reisen", "Gruen und Soehne", "Brightwater Dental", "Falcon Ltd", "Falcon LLC")}
        best = self.suggested(equal)[0]
        self.assertEqual((best["client_id"], best["score"], best["sure"]), (names["MÖWE Reisen"], 100, True), best)
        best = self.suggested(spelled)[0]
        self.assertEqual((best["client_id"], best["score"]), (names["Gruen und Soehne"], 95), best)
        best = self.suggested(alike)[0]
        self.assertEqual(best["client_id"], names["Brightwater Dental"])
        self.assertTrue(60 <= best["score"] < 90 and "alike" in best["reasons"][0], best)
        self.assertEqual([(s["score"], s["sure"]) for s in self.suggested(torn)], [(95, False), (95, False)])
        self.assertEqual(self.suggested(stranger), [])

        path = "/api/v1/integrations/ninjaone/organizations/auto-map"
        self.problem(self.api.post(path, {"threshold": 30}), 422)
        told = self.ok(self.api.post(path, {"threshold": 90, "dry_run": True}))
        mine = {o["organization_id"] for o in told["items"]} & {o["id"] for o in (equal, spelled, alike, torn, stranger)}
        self.assertEqual(mine, {equal["id"], spelled["id"]})
        before = self.undecided()
        self.assertIn(equal["id"], {o["id"] for o in before})  # a dry run writes nothing
        done = self.ok(self.api.post(path, {"threshold": 90}))
        self.assertEqual((done["items"], done["undecided"]), (told["items"], len(before) - done["mapped"]))
        self.assertEqual({o["id"] for o in before} - {o["id"] for o in self.undecided()}, {o["organization_id"] for o in done["items"]})
        row = self.items("/api/v1/audit?target_type=organization&limit=1")[0]
        self.assertEqual((row["action"], row["after"]["decision"]), ("organization.updated", "mapped"))

        made = self.ok(self.api.post(path, {"create_clients": True}))
        created = {o["organization_id"]: o for o in made["items"] if o["created"]}
        self.assertIn(stranger["id"], created)
        self.assertNotIn(torn["id"], created)  # it resembles two: a person decides
        self.assertEqual(created[stranger["id"]]["client"], "Qqq 12345 zzz")

    def test_devices_show_the_way(self):
        """An organization of another name whose devices another integration has with a client."""
        organization = next(o for o in self.undecided() if o["assets"] > 2)
        client, _ = self.create(name="Known Elsewhere")
        self.cluster.sql(f"""
            with there as (insert into integration_configurations (tenant_id, provider, name, hook, settings)
                           select tenant_id, 'tacticalrmm', 'twin', 'twin-hook-of-this-test', '{{}}' from organization_mappings
                           where organization_id = {organization['id']} returning tenant_id, integration_id),
                 mapped as (insert into organization_mappings (tenant_id, integration_id, external_id, name, decision, client_id)
                            select tenant_id, integration_id, '77', 'Quite Another Name', 'mapped', {client['id']} from there)
            insert into asset_sources (tenant_id, integration_id, external_id, asset_id, hash, attributes, observed_at, name_key)
            select t.tenant_id, t.integration_id, a.asset_id::text, a.asset_id, 1, '{{"organization_id": "77"}}', now(), 'x'
            from there t join assets a on a.organization_id = {organization['id']} and a.retired_at is null""")
        best = self.suggested(organization)[0]
        self.assertEqual((best["client_id"], best["score"]), (client["id"], 99), best)
        self.assertIn(f"{organization['assets']} of its {organization['assets']} devices", best["reasons"][0])

    def test_a_client_of_an_organization(self):
        organization = self.undecided()[-1]
        path = f"/api/v1/integrations/ninjaone/organizations/{organization['id']}/client"
        made = self.api.post(path, {"name": "Made of One"})
        self.assertEqual((self.ok(made, 201)["client"], made.json["status"]), ("Made of One", "mapped"))
        self.assertEqual(self.ok(self.api.get(made.headers["Location"]))["organizations"], 1)
        self.problem(self.api.post(path, {"name": "Made of One"}), 409)
        self.problem(self.api.post(path, {"name": " "}), 422)
        self.problem(self.api.post("/api/v1/integrations/ninjaone/organizations/999999/client", {}), 404)

    def test_default_contact(self):
        organization = self.items("/api/v1/integrations/ninjaone/organizations")[0]
        path = f"/api/v1/integrations/ninjaone/organizations/{organization['id']}"
        self.cluster.sql("insert into people (tenant_id, integration_id, external_id, name) select tenant_id, integration_id, 'p1', 'Ada' "
                         f"from organization_mappings where organization_id = {organization['id']}")
        person = int(self.cluster.value("select person_id from people where external_id = 'p1'"))
        changed = self.ok(self.change("PATCH", path, "*", {"default_contact_id": person}))
        self.assertEqual((changed["default_contact_id"], changed["status"]), (person, organization["status"]))
        self.problem(self.change("PATCH", path, "*", {"default_contact_id": person + 1000}), 422)
        self.problem(self.change("PATCH", path, "*", {"default_contact_id": "Ada"}), 422)
        self.cluster.sql("delete from people where external_id = 'p1'")
        again = next(o for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["id"] == organization["id"])
        self.assertIsNone(again["default_contact_id"])

    def test_auto_sync(self):
        organization = next(o for o in self.items("/api/v1/integrations/ninjaone/organizations") if o["assets"] > 3)
        path = f"/api/v1/integrations/ninjaone/organizations/{organization['id']}"
        assets = self.items(f"/api/v1/assets?organization_id={organization['id']}")
        self.assertFalse(self.ok(self.change("PATCH", path, "*", {"auto_sync": False}))["auto_sync"])
        self.problem(self.change("PATCH", path, "*", {"auto_sync": "no"}), 422)
        for n, asset in enumerate(assets[:2]):
            device = self.ok(self.api.get(f"/api/v1/assets/{asset['id']}"))["sources"][0]["external_id"]
            if n:
                self.sim.command("DELETE", f"/control/ninja/devices/{device}")
            else:
                self.sim.command("PATCH", f"/control/ninja/devices/{device}", {"displayName": "RENAMED-UPSTREAM"})
        for _ in range(3):  # two complete lists without it would retire it
            self.assertEqual(self.sync("ninjaone")["status"], "success")
        names = lambda: {a["id"]: a["name"] for a in self.items(f"/api/v1/assets?organization_id={organization['id']}")}
        self.assertEqual(names(), {a["id"]: a["name"] for a in assets})
        self.ok(self.change("PATCH", path, "*", {"auto_sync": True}))
        for _ in range(3):
            self.sync("ninjaone")
        now = names()
        self.assertEqual(now[assets[0]["id"]], "RENAMED-UPSTREAM")
        self.assertNotIn(assets[1]["id"], now)

    def test_another_tenant(self):
        theirs, _ = self.create(self.other, name="Theirs")
        organization = self.items("/api/v1/integrations/ninjaone/organizations")[0]
        path = f"/api/v1/integrations/ninjaone/organizations/{organization['id']}"
        self.problem(self.change("PATCH", path, "*", {"client_id": theirs["id"]}), 422)
        self.problem(self.api.get(f"/api/v1/clients/{theirs['id']}"), 404)
        self.problem(self.change("DELETE", f"/api/v1/clients/{theirs['id']}", "*"), 404)
        self.create(name="Theirs")  # names are each tenant's own


if __name__ == "__main__":
    unittest.main()
