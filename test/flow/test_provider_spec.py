"""The check of outgoing requests can fail: each thing that a product's description does not allow is found. And the descriptions
that the tests carry are whole."""
import glob
import os
import unittest

import provider_spec
from processes import Http, Sim

TREE = {
    "paths": {
        "/things": {
            "get": {"parameters": [
                {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 0}},
                {"name": "section", "in": "query", "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Section"}}},
                {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "integer"}}},
                {"name": "all", "in": "query", "schema": {"type": "boolean"}},
                {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}}]},
            "post": {"requestBody": {"required": True, "content": {"application/json": {"schema": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}}}}},
        },
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {"parameters": [{"name": "view", "in": "query", "required": True, "schema": {"enum": ["full", "short"]}}]},
        },
        "/things/latest": {"get": {}},
        "/token": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
            "type": "object", "required": ["grant_type"], "properties": {"grant_type": {"enum": ["password"]}, "user": {}}}}}}}},
    },
    "components": {"schemas": {"Section": {"type": "string", "enum": ["GENERAL", "HARDWARE"]}}},
}


def request(method, target, body="", kind=None):
    return {"method": method, "target": target, "body": body, "type": kind}


def posted(target, body, kind="application/json"):
    return request("POST", target, body, kind)


class Checks(unittest.TestCase):
    spec = provider_spec.Spec(TREE)

    def test_what_is_described_passes(self):
        for asked, call in (
                (request("GET", "/things"), "GET /things"),
                (request("GET", "/things?page=0&section=GENERAL&section=HARDWARE&all=true&ids=1,2"), "GET /things"),
                (request("GET", "/things?since=2026-11-20T04%3A00%3A00.000Z"), "GET /things"),
                (request("GET", "/things/7?view=full"), "GET /things/{id}"),
                (request("GET", "/things/latest"), "GET /things/latest"),
                (posted("/things", '{"name":"a","size":3}', "application/json; charset=utf-8"), "POST /things"),
                (posted("/token", "grant_type=password&user=a%26b", provider_spec.FORM), "POST /token")):
            with self.subTest(target=asked["target"]):
                self.assertEqual(repr(self.spec.check(asked)), call)

    def test_what_is_not_described_is_found(self):
        for asked, why in (
                (request("GET", "/nothing"), "no such call"),
                (request("DELETE", "/things/7"), "no such call"),
                (request("GET", "/things/7/"), "no such call"),
                (request("GET", "/things/abc?view=full"), "the path's id 'abc'"),
                (request("GET", "/things?pages=1"), "with pages, which GET /things does not know"),
                (request("GET", "/things?page=-1"), "minimum"),
                (request("GET", "/things?page=x"), "page='x'"),
                (request("GET", "/things?page"), "page=''"),
                (request("GET", "/things?page=1&page=2"), "page 2 times"),
                (request("GET", "/things?section=GENERAL,HARDWARE"), "section='GENERAL,HARDWARE'"),
                (request("GET", "/things?section=HARDWARE&section=FONTS"), "section='FONTS'"),
                (request("GET", "/things?ids=1,x"), "ids='x'"),
                (request("GET", "/things?all=1"), "all='1'"),
                (request("GET", "/things?since=yesterday"), "since='yesterday'"),
                (request("GET", "/things/7"), "without view"),
                (request("GET", "/things/7?view=none"), "view='none'"),
                (request("GET", "/things", "{}", "application/json"), "with a body, and GET /things has none"),
                (posted("/things", ""), "without a body"),
                (posted("/things", '{"size":1}'), "'name' is a required property"),
                (posted("/things", '{"name":"a","colour":"red"}'), "colour"),
                (posted("/things", '{"name":1}'), "/name"),
                (posted("/things", '{"name":'), "not JSON"),
                (posted("/things", "name=a", provider_spec.FORM), "takes application/json"),
                (posted("/token", "grant_type=password&user=a&user=b", provider_spec.FORM), "twice"),
                (posted("/token", "grant_type=other", provider_spec.FORM), "grant_type")):
            with self.subTest(target=asked["target"], why=why):
                with self.assertRaises(provider_spec.Unspecified) as caught:
                    self.spec.check(asked)
                self.assertIn(why, str(caught.exception))

    def test_a_path_that_nobody_describes_is_a_fault_of_the_description(self):
        with self.assertRaises(AssertionError):
            provider_spec.Spec({"paths": {"/things/{id}": {"get": {}}}})

    def test_the_descriptions_are_whole(self):
        for path in sorted(glob.glob(os.path.join(provider_spec.SPECS, "*.json"))):
            with self.subTest(path=path):
                spec = provider_spec.spec(os.path.basename(path).removesuffix(".json"))
                self.assertTrue(spec.operations)
                for o in spec.operations:
                    schemas = [p["schema"] for p in (*o.query.values(), *o.path.values())]
                    schemas += [c["schema"] for c in o.body.get("content", {}).values() if "schema" in c]
                    for schema in schemas:
                        spec.faults(schema, "")  # all references lead somewhere


class Kept(unittest.TestCase):
    """The simulator tells what it was asked."""

    def setUp(self):
        self.sim = Sim()
        self.addCleanup(self.sim.close)

    def test_requests_are_kept_as_they_came(self):
        product = Http(self.sim.msp360)
        self.addCleanup(product.close)
        product.get("/api/Computers/0/5?x=%C3%BC&y")
        product.post("/api/Provider/Login", b'{"UserName":"\xc3\xbc"}')
        self.sim.fault(product="msp360", kind="500")
        product.get("/nowhere")
        kept = self.sim.command("GET", "/control/requests/msp360")
        self.assertEqual(kept, {"requests": [
            {"method": "GET", "target": "/api/Computers/0/5?x=%C3%BC&y", "type": None, "body": ""},
            {"method": "POST", "target": "/api/Provider/Login", "type": "application/json", "body": '{"UserName":"ü"}'},
            {"method": "GET", "target": "/nowhere", "type": None, "body": ""}], "dropped": 0})
        self.assertEqual(self.sim.command("GET", "/control/requests/ninja"), {"requests": [], "dropped": 0})
        self.assertEqual(self.sim.command("DELETE", "/control/requests/msp360"), kept)
        self.assertEqual(self.sim.command("GET", "/control/requests/msp360")["requests"], [])
        self.assertEqual(self.sim.control.get("/control/requests/nothing").status, 404)

    def test_what_was_not_kept_fails_the_check(self):
        product = Http(self.sim.msp360)
        self.addCleanup(product.close)
        product.post("/api/Provider/Login", b" " * 65537)
        with self.assertRaises(AssertionError):
            provider_spec.check(self.sim, "msp360")
        self.assertEqual(self.sim.command("GET", "/control/requests/msp360")["dropped"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
