"""Clients, and the organizations that are mapped to them."""
import unittest

from world import World


class Clients(World):
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
