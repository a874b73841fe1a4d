"""doc/openapi.yaml as the tests use it: its operations, its schemas compiled, and the check of a request with its answer.

The document lets answers grow ("new members may be added"); here they may not: an object of an answer that lists its members has no
others, so that nothing is answered that is not written down. What a test sends wrong on purpose gets a 4xx, and then only the answer is
checked."""
import functools
import gzip
import json
import os
import re
import urllib.parse

import jsonschema
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = os.path.join(ROOT, "doc/openapi.yaml")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def is_time(text):
    return not isinstance(text, str) or bool(re.fullmatch(r"\d{4,}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text))


@formats.checks("uri")
def is_uri(text):
    return not isinstance(text, str) or bool(re.fullmatch(r"[a-z][a-z0-9+.-]*:[!-~]+", text))


class Nonconformance(AssertionError):
    """The hub and doc/openapi.yaml say different things."""


class Operation:
    def __init__(self, document, template, method, entry, shared):
        self.method, self.template, self.entry = method.upper(), template, entry
        self.id, self.role, self.scope = entry["operationId"], entry["x-role"], entry["x-scope"]
        self.parameters = [document.resolve(p) for p in shared + entry.get("parameters", [])]
        self.security = entry.get("security", document.tree.get("security", []))
        self.body = document.resolve(entry["requestBody"]) if "requestBody" in entry else None
        self.responses = {status: document.resolve(r) for status, r in entry["responses"].items()}
        names = re.split(r"\{(\w+)\}", template)
        self.pattern = re.compile("".join(f"(?P<{n}>[^/]+)" if i % 2 else re.escape(n) for i, n in enumerate(names)) + r"\Z")
        self.literal = tuple("{" in segment for segment in template.split("/"))  # as the router: a literal segment first

    def taking(self, where):
        return [p for p in self.parameters if p["in"] == where]

    def body_schema(self):
        return self.body and self.body["content"]["application/json"]["schema"]

    def response(self, status):
        """What the document says of this status; None: nothing."""
        found = self.responses.get(str(status))
        if not found and status in self.responses.get("default", {}).get("x-statuses", ()):
            found = self.responses["default"]
        return found

    def __repr__(self):
        return f"{self.id} ({self.method} {self.template})"


class Schemas:
    """A description with references, and its schemas compiled."""

    def __init__(self, tree):
        self.tree = tree
        self.compiled = {}

    def resolve(self, node):
        """The thing itself where a reference stands."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.tree
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def plain(self, schema, sealed):
        """A schema without references; sealed: its objects have the members that they list and no others."""
        if isinstance(schema, list):
            return [self.plain(s, sealed) for s in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self.plain(self.resolve(schema), sealed)
        if "allOf" in schema:
            parts = [self.plain(s, False) for s in schema["allOf"]]
            whole = {"type": "object", "required": sum((p.get("required", []) for p in parts), []),
                     "properties": {k: v for p in parts for k, v in p.get("properties", {}).items()}}
            return self.plain(whole, sealed)
        out = {}
        for word, value in schema.items():
            if word in ("properties", "patternProperties"):
                out[word] = {name: self.plain(s, sealed) for name, s in value.items()}
            elif word in ("items", "additionalProperties", "anyOf", "oneOf", "not", "prefixItems", "propertyNames"):
                out[word] = self.plain(value, sealed)
            else:
                out[word] = value
        if sealed and "properties" in out:
            out.setdefault("additionalProperties", False)
        return out

    def validator(self, schema, sealed):
        key = (id(schema), sealed)
        if key not in self.compiled:
            plain = self.plain(schema, sealed)
            self.compiled[key] = (jsonschema.Draft202012Validator(plain, format_checker=formats), schema)
        return self.compiled[key][0]

    def faults(self, schema, value, sealed=False):
        """What is wrong with a value, as text; '' when nothing is."""
        found = sorted(self.validator(schema, sealed).iter_errors(value), key=lambda e: list(map(str, e.path)))
        return "; ".join(f"/{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in found[:5])


class Document(Schemas):
    def __init__(self, path=PATH):
        with open(path, encoding="utf-8") as f:
            super().__init__(yaml.load(f, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        self.operations = [Operation(self, template, method, entry, item.get("parameters", []))
                           for template, item in self.tree["paths"].items() for method, entry in item.items() if method in METHODS]
        self.operations.sort(key=lambda o: o.literal)
        self.by_id = {o.id: o for o in self.operations}
        self.rates = {"headers": {name: self.tree["components"]["headers"][name.replace("-", "")] for name in ("RateLimit", "RateLimit-Policy")}}

    def find(self, method, path):
        """The operation of a request and its path parameters; None when there is none. As the router: the path is found first."""
        template = next((o.template for o in self.operations if o.pattern.match(path)), None)
        for o in self.operations:
            if o.template == template and o.method == ("GET" if method == "HEAD" else method):
                return o, {k: urllib.parse.unquote(v) for k, v in o.pattern.match(path).groupdict().items()}
        return None, {}

    # --- one request with its answer ---

    def check(self, method, target, body, answer):
        """Raises Nonconformance. `answer` has status, headers (a mapping that knows no case) and body."""
        path, _, query = target.partition("?")
        operation, params = self.find(method, path)
        where = f"{method} {target} answered {answer.status}"
        if answer.status == 500:
            raise Nonconformance(f"{where}: {answer.body[:400]!r}")
        if not operation:
            self.check_nowhere(where, method, answer)
            return
        response = operation.response(answer.status)
        if not response:
            raise Nonconformance(f"{where}, which {operation!r} does not document: {answer.body[:400]!r}")
        self.check_headers(where, response, answer.headers)
        if operation.security and answer.status != 401:
            self.check_headers(where, self.rates, answer.headers)
        self.check_body(where, method, response, answer)
        if answer.status < 300:
            self.check_arguments(where, operation, params, query)
            self.check_sent(where, operation, body)

    def check_nowhere(self, where, method, answer):
        if method == "OPTIONS" and answer.status == 204 and answer.headers.get("Allow"):
            return
        if answer.status < 400:
            raise Nonconformance(f"{where}: no operation of the document")
        fallback = self.resolve(self.tree["components"]["responses"]["Problem"])
        self.check_headers(where, fallback, answer.headers)
        self.check_body(where, method, fallback, answer)
        if answer.status == 405 and not answer.headers.get("Allow"):
            raise Nonconformance(f"{where} without an Allow header")

    def check_headers(self, where, response, headers):
        for name, header in response.get("headers", {}).items():
            header, value = self.resolve(header), headers.get(name)
            if value is None and header.get("required"):
                raise Nonconformance(f"{where} without the header {name}")
            wrong = value is not None and self.faults(header["schema"], value)
            if wrong:
                raise Nonconformance(f"{where} with {name}: {wrong}")

    def check_body(self, where, method, response, answer):
        content = response.get("content", {})
        if method == "HEAD":
            return
        if not content:
            if answer.body:
                raise Nonconformance(f"{where} with a body, and none is documented: {answer.body[:400]!r}")
            return
        essence = (answer.headers.get("Content-Type") or "").split(";")[0]
        if essence not in content:
            raise Nonconformance(f"{where} with the type {essence!r}; documented are {', '.join(content)}")
        if essence != "application/json" and not essence.endswith("+json"):
            return
        raw = gzip.decompress(answer.body) if answer.headers.get("Content-Encoding") == "gzip" else answer.body
        try:
            value = json.loads(raw)
        except ValueError as e:
            raise Nonconformance(f"{where} with what is not JSON: {e}: {raw[:400]!r}") from None
        wrong = self.faults(content[essence]["schema"], value, sealed=True)
        if wrong:
            raise Nonconformance(f"{where}: {wrong}")
        if essence == "application/problem+json" and value["status"] != answer.status:
            raise Nonconformance(f"{where} and says {value['status']} in its body")

    def check_arguments(self, where, operation, params, query):
        """What was accepted is documented, and was allowed to be."""
        known = {p["name"]: p for p in operation.taking("query")}
        given = [("query", known, k, v) for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True)]
        given += [("path", {p["name"]: p for p in operation.taking("path")}, k, v) for k, v in params.items()]
        for place, names, name, text in given:
            if name not in names:
                raise Nonconformance(f"{where}, with the {place} argument {name!r}, which {operation!r} does not document")
            wrong = text and self.faults(names[name]["schema"], self.typed(names[name]["schema"], text))
            if wrong:
                raise Nonconformance(f"{where}, with the {place} argument {name}={text!r}: {wrong}")

    def typed(self, schema, text):
        kind = self.resolve(schema).get("type")
        return int(text) if kind == "integer" and re.fullmatch(r"[+-]?\d+", text) else text

    def check_sent(self, where, operation, body):
        if not operation.body:
            return
        wrong = self.faults(operation.body_schema(), json.loads(body) if body else {})
        if wrong:
            raise Nonconformance(f"{where}, with a body that the document forbids: {wrong}")


@functools.lru_cache(None)
def document():
    return Document()
