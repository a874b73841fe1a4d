"""doc/openapi.yaml is OpenAPI 3.1, says the same as src/api/routes.def, and is what the hub serves."""
import copy
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

import openapi
from openapi import ROOT, Nonconformance, document
from processes import Answer, Http
from world import World

# Members that each kind of object may have; "!" marks those that it must have. Others are mistakes, but for x-….
SHAPES = {
    "document": "openapi! info! paths! components! servers security tags externalDocs webhooks jsonSchemaDialect",
    "info": "title! version! summary description license contact termsOfService",
    "operation": "operationId! summary! description! tags! responses! x-role! x-scope! parameters requestBody security deprecated externalDocs servers callbacks",
    "parameter": "name! in! schema! description! required example examples deprecated allowEmptyValue style explode",
    "body": "content! description required",
    "response": "description! headers content links",
    "header": "schema! description! required example examples deprecated",
    "media": "schema! example examples encoding",
    "example": "value! summary description externalValue",
    "components": "schemas responses parameters examples requestBodies headers securitySchemes links callbacks pathItems",
}
# Words of JSON Schema that the document uses. A misspelt one would hold for nothing.
WORDS = set("type format pattern enum const minimum maximum minLength maxLength minItems maxItems uniqueItems items properties required "
            "additionalProperties propertyNames allOf anyOf oneOf description default example readOnly writeOnly deprecated $ref".split())


def routes():
    """Rows of src/api/routes.def: (method, pattern) → (role, scope, operation, flags)."""
    with open(os.path.join(ROOT, "src/hub/scopes.def"), encoding="utf-8") as f:
        scopes = dict(re.findall(r'^SCOPE\((\w+), "([^"]+)"\)', f.read(), re.M))
    with open(os.path.join(ROOT, "src/api/routes.def"), encoding="utf-8") as f:
        text = f.read()
    rows = re.findall(r'^ROUTE\((\w+), "([^"]+)", (\w+), (\w+), (\w+),\s*([^)]+)\)', text, re.M)
    assert len(rows) == len(re.findall(r"^ROUTE\(", text, re.M)), "a row of routes.def is not understood"
    return {(method, pattern): (role.lower(), scopes[scope], operation, set(flags.split(" | ")))
            for method, pattern, role, scope, operation, flags in rows}


def walk(node, at=""):
    """Every object of the document with its place."""
    if isinstance(node, dict):
        yield at, node
        for k, v in node.items():
            if k not in ("example", "value"):
                yield from walk(v, f"{at}/{k}")
    elif isinstance(node, list):
        for i, v in enumerate(node):
            yield from walk(v, f"{at}/{i}")


class Text(unittest.TestCase):
    """What can be told without a hub."""

    def setUp(self):
        self.doc = document()
        self.tree = self.doc.tree

    def has_shape(self, kind, node, where):
        words = SHAPES[kind].split()
        for word in words:
            if word.endswith("!"):
                self.assertIn(word[:-1], node, f"{where} lacks {word[:-1]}")
        for word in node:
            self.assertTrue(word.startswith("x-") or word in [w.rstrip("!") for w in words], f"{where}: {word} is no member of a {kind}")

    def each_media(self):
        """(where, media type, is it of an answer)"""
        for o in self.doc.operations:
            for status, response in o.responses.items():
                for media in response.get("content", {}).values():
                    yield f"{o.id} {status}", media, True
            for media in (o.body or {}).get("content", {}).values():
                yield f"{o.id} body", media, False

    def test_routes_and_operations_are_the_same(self):
        rows = routes()
        rows["POST", "/webhooks/{provider}/{hook}"] = ("public", "self", "webhook_receive", {"BODY"})
        documented = {(o.method, o.template): (o.role, o.scope, o.id) for o in self.doc.operations}
        self.assertEqual({k: v[:3] for k, v in rows.items()}, documented)
        for o in self.doc.operations:
            flags = rows[o.method, o.template][3]
            names = {p["name"]: p for p in o.taking("header")}
            with self.subTest(o.id):
                self.assertEqual("BODY" in flags, o.body is not None, "the flag BODY and a request body go together")
                self.assertEqual("CREATES" in flags, "Idempotency-Key" in names)
                self.assertTrue("CREATES" not in flags or {"409", "422"} <= set(o.responses))
                if "GUARDED" in flags:
                    self.assertTrue(names["If-Match"]["required"])
                    self.assertTrue({"412", "428"} <= set(o.responses))

    def test_structure(self):
        self.assertEqual(self.tree["openapi"], "3.1.0")
        self.has_shape("document", self.tree, "the document")
        self.has_shape("info", self.tree["info"], "info")
        self.has_shape("components", self.tree["components"], "components")
        self.assertEqual(len(self.doc.by_id), len(self.doc.operations), "an operationId stands twice")
        tags = [t["name"] for t in self.tree["tags"]]
        for o in self.doc.operations:
            with self.subTest(o.id):
                self.has_shape("operation", o.entry, o.id)
                self.assertTrue(set(o.entry["tags"]) <= set(tags))
                self.assertEqual(sorted(p["name"] for p in o.taking("path")), sorted(re.findall(r"\{(\w+)\}", o.template)))
                self.assertTrue(all(p["required"] for p in o.taking("path")))
                self.assertEqual(len({(p["in"], p["name"]) for p in o.parameters}), len(o.parameters), "a parameter stands twice")
                for p in o.parameters:
                    self.has_shape("parameter", p, f"{o.id} {p.get('name')}")
                    self.assertIn(p["in"], ("path", "query", "header", "cookie"))
                if o.body:
                    self.has_shape("body", o.body, o.id)
                for status, response in o.responses.items():
                    self.assertRegex(status, r"^([2-5]\d\d|default)$")
                    self.has_shape("response", response, f"{o.id} {status}")
                    for name, header in response.get("headers", {}).items():
                        self.has_shape("header", self.doc.resolve(header), f"{o.id} {status} {name}")
        for path in self.tree["paths"]:
            for word in self.tree["paths"][path]:
                self.assertIn(word, (*openapi.METHODS, "parameters"), path)
        for scheme in set().union(*self.tree["security"], *(s for o in self.doc.operations for s in o.security)):
            self.assertIn(scheme, self.tree["components"]["securitySchemes"])

    def test_references(self):
        used = set()
        for at, node in walk(self.tree):
            if "$ref" in node:
                with self.subTest(at):
                    self.assertTrue(self.doc.resolve(node), "it leads nowhere")
                    used.add(node["$ref"])
                    self.assertTrue(set(node) <= {"$ref", "description", "summary"}, "a reference says no more than what it is for")
        for kind, names in self.tree["components"].items():
            if kind != "securitySchemes":
                for name in names:
                    self.assertIn(f"#/components/{kind}/{name}", used, "nothing uses it")

    def test_schemas(self):
        places = [(at, node) for at, node in walk(self.tree) if re.search(r"/(schema|schemas/\w+)$", at)]
        self.assertGreater(len(places), 40)
        for at, schema in places:
            with self.subTest(at):
                jsonschema.Draft202012Validator.check_schema(self.doc.plain(schema, True))
                self.check_words(schema, at)

    def check_words(self, schema, at):
        self.assertTrue(set(schema) <= WORDS, f"{at}: {set(schema) - WORDS} is no word of a schema")
        self.assertTrue(set(schema.get("required", ())) <= set(schema.get("properties", ())), f"{at} requires what it does not describe")
        if "pattern" in schema:
            re.compile(schema["pattern"])
        inner = [*schema.get("properties", {}).values(), *schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
        inner += [schema[w] for w in ("items", "additionalProperties", "propertyNames") if isinstance(schema.get(w), dict)]
        for s in inner:
            self.check_words(s, at)

    def test_examples(self):
        count = 0
        for where, media, answer in self.each_media():
            self.has_shape("media", media, where)
            values = [media["example"]] if "example" in media else []
            for name, example in media.get("examples", {}).items():
                self.has_shape("example", example, f"{where} {name}")
                values.append(example["value"])
            for value in values:
                count += 1
                self.assertEqual(self.doc.faults(media["schema"], value, sealed=answer), "", where)
        self.assertGreater(count, len(self.doc.operations))
        for at, node in walk(self.tree):
            if "example" in node and "schema" in node and "content" not in node:
                self.assertEqual(self.doc.faults(node["schema"], node["example"], sealed=True), "", at)

    def test_every_operation_has_an_example_of_its_body_and_of_its_answer(self):
        for o in self.doc.operations:
            good = [r for status, r in o.responses.items() if status[0] in "23"]
            self.assertTrue(good, f"{o.id} never succeeds")
            for thing in good + [o.body or {}]:
                for media in thing.get("content", {}).values():
                    self.assertTrue("example" in media or "examples" in media, f"{o.id} lacks an example")

    def test_problems_that_follow_from_what_an_operation_takes(self):
        for o in self.doc.operations:
            documented = set(o.responses)
            wanted = {"default"}
            if o.security:
                wanted |= {"401", "403", "429", "503"}
            if o.taking("path"):
                wanted |= {"404"}
            if o.template.startswith("/api/") and (o.taking("query") or o.body):
                wanted |= {"422"}
            if o.body:
                wanted |= {"400", "413"}
            if any(p["name"] == "If-Match" for p in o.parameters):
                wanted |= {"412"}
            with self.subTest(o.id):
                self.assertTrue(wanted <= documented, f"missing: {wanted - documented}")
                self.assertEqual(o.role == "public", not o.security, "only what is public needs no credential")
                if o.body and o.template.startswith("/api/"):
                    schema = self.doc.plain(o.body_schema(), False)
                    self.assertIs(schema.get("additionalProperties"), False, "the hub refuses unknown members; so says the schema")
                for status, response in o.responses.items():
                    if not status.startswith("2") and "content" in response and o.id not in ("readyz", "connect_callback"):  # the latter is a page for people
                        self.assertEqual(list(response["content"]), ["application/problem+json"])
                    self.assertIn("X-Request-Id", response.get("headers", {}))

    def test_scopes_and_roles(self):
        with open(os.path.join(ROOT, "src/hub/scopes.def"), encoding="utf-8") as f:
            self.assertEqual(self.tree["components"]["schemas"]["Scope"]["enum"], re.findall(r'^SCOPE\(\w+, "([^"]+)"\)', f.read(), re.M))
        for o in self.doc.operations:
            self.assertIn(o.role, ("public", "viewer", "operator", "admin", "platform"))
            if o.role != "public" and o.method == "GET":
                self.assertNotIn(":run", o.scope, o.id)


class Check(unittest.TestCase):
    """The check itself finds what it is there to find."""

    def setUp(self):
        self.doc = document()
        operation = self.doc.by_id["assets_get"]
        self.asset = copy.deepcopy(operation.responses["200"]["content"]["application/json"]["example"])
        self.headers = {"X-Request-Id": "r1", "Content-Type": "application/json", "ETag": f'"{"0" * 16}"', "Cache-Control": "private, no-cache"}

    def check(self, target="/api/v1/assets/1", status=200, method="GET", body=None, sent=None, **headers):
        answer = Answer(status, {**self.headers, **headers}, json.dumps(self.asset if body is None else body).encode())
        self.doc.check(method, target, sent, answer)

    def fails(self, words, *args, **kw):
        with self.assertRaisesRegex(Nonconformance, words):
            self.check(*args, **kw)

    def test_good(self):
        self.check()

    def test_members(self):
        self.asset["colour"] = "red"
        self.fails("colour")
        del self.asset["colour"]
        self.asset["sources"][0]["facets"]["os"]["colour"] = "red"
        self.fails("colour")
        del self.asset["sources"][0]["facets"]["os"]["colour"]
        del self.asset["serial"]
        self.fails("serial")
        self.asset["serial"] = 7
        self.fails("serial: 7 is not")
        self.asset["serial"] = None
        self.asset["last_seen"] = "yesterday"
        self.fails("last_seen")

    def test_status_header_and_type(self):
        self.fails("does not document", status=204)
        self.fails("does not document", status=409)
        self.fails("500", status=500)
        self.headers.pop("X-Request-Id")
        self.fails("without the header X-Request-Id")
        self.headers["X-Request-Id"] = "r1"
        self.fails("text/html", **{"Content-Type": "text/html"})

    def test_unknown_operations_and_arguments(self):
        self.fails("no operation", target="/api/v1/nosuch")
        self.fails("no operation", method="PUT")
        self.fails("verbose", target="/api/v1/assets/1?verbose=1")
        self.fails("argument id", target="/api/v1/assets/0")

    def test_a_body_that_was_taken_although_it_is_forbidden(self):
        ok = {"run_id": 1}
        self.check("/api/v1/integrations/ninjaone/sync", 202, "POST", ok, b'{"mode":"full"}')
        self.fails("forbids", "/api/v1/integrations/ninjaone/sync", 202, "POST", ok, b'{"mod":"full"}')

    def test_problems(self):
        problem = {"type": "/problems/not_found", "title": "Not Found", "status": 404, "detail": "no", "instance": "/", "request_id": "r1"}
        kind = {"Content-Type": "application/problem+json"}
        self.check(status=404, body=problem, **kind)
        self.fails("says 404", status=401, body=problem, **{"WWW-Authenticate": "Bearer x"}, **kind)
        self.fails("WWW-Authenticate", status=401, body=problem, **kind)
        self.fails("application/json", status=404, body=problem)


class Embedded(unittest.TestCase):
    """doc/embed_openapi.py, which the build runs: a mistake ends it with file, line and what is wrong."""

    def test_mistakes(self):
        for text, words in (("a: 1\nb:\n  c: 1\n  c: 2\n", ":4: c stands twice here"), ("a: [\n", ":2: "), ("a: 2026-01-01\n", "a time must stand in quotes")):
            with self.subTest(text), tempfile.TemporaryDirectory() as folder:
                with open(folder + "/openapi.yaml", "w", encoding="ascii") as f:
                    f.write(text)
                done = subprocess.run([sys.executable, os.path.join(ROOT, "doc/embed_openapi.py"), f.name, folder], capture_output=True, text=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f.name, done.stderr)
                self.assertIn(words, done.stderr)


class Served(World):
    def test_as_yaml_and_json(self):
        with open(openapi.PATH, "rb") as f:
            text = f.read()
        self.assertEqual(self.hub.http.get("/api/v1/openapi.yaml").body, text)
        self.assertEqual(self.hub.http.get("/api/v1/openapi.json").json, document().tree)

    def test_compressed_and_not_modified(self):
        for name in ("yaml", "json"):
            with self.subTest(name):
                path = "/api/v1/openapi." + name
                plain = self.hub.http.get(path)
                packed = self.hub.http.get(path, headers={"Accept-Encoding": "gzip"})
                self.assertEqual(packed.headers["Content-Encoding"], "gzip")
                self.assertEqual(gzip.decompress(packed.body), plain.body)
                self.assertLess(len(packed.body) * 3, len(plain.body))
                for answer in (plain, packed):
                    self.assertEqual(answer.headers.get_all("Vary"), ["Accept-Encoding"])
                tag = plain.headers["ETag"]
                for sent, status in ((tag, 304), (f'"x", {tag}', 304), ("*", 304), ('"x"', 200), (tag[2:] + "x", 200)):
                    answer = self.hub.http.get(path, headers={"If-None-Match": sent})
                    self.assertEqual((answer.status, answer.headers["ETag"]), (status, tag), sent)

    def test_a_failing_answer_fails_the_test(self):
        """The hook in processes.py: an operation that is not in the document is noticed on any connection to a hub."""
        operation = document().by_id.pop("version")
        document().operations.remove(operation)
        try:
            with Http_closing(self.hub.url) as http, self.assertRaisesRegex(Nonconformance, "no operation"):
                http.get("/api/v1")
        finally:
            document().by_id["version"] = operation
            document().operations.append(operation)


class Http_closing(Http):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
