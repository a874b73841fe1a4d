"""What the hub asks of a product, held to the product's own description.

test/sim/specs/PRODUCT.json is the part of the product's OpenAPI document that the hub may use: its paths (from the root of the base
URL), their arguments and bodies. A request that is not in it, has an argument or a member that it does not name, lacks one that it
requires, or gives a value that it does not allow, is Unspecified. The simulator keeps the requests (GET /control/requests/PRODUCT).

    tearDown: provider_spec.check(self.sim, "jamf")
"""
import functools
import json
import os
import re
import urllib.parse

import openapi

SPECS = os.path.join(openapi.ROOT, "test/sim/specs")
FORM = "application/x-www-form-urlencoded"


class Unspecified(AssertionError):
    """The hub asked the product for what its description does not allow."""


def pairs(text):
    """Of a query or a form; a part without '=' is an empty value."""
    return urllib.parse.parse_qsl(text, keep_blank_values=True)


class Operation:
    def __init__(self, spec, template, method, entry, shared):
        self.method, self.template = method.upper(), template
        parameters = [spec.resolve(p) for p in shared + entry.get("parameters", [])]
        self.query = {p["name"]: p for p in parameters if p["in"] == "query"}
        self.path = {p["name"]: p for p in parameters if p["in"] == "path"}
        self.body = spec.resolve(entry.get("requestBody")) or {}
        names = re.split(r"\{(\w+)\}", template)
        self.pattern = re.compile("".join(f"(?P<{n}>[^/]+)" if i % 2 else re.escape(n) for i, n in enumerate(names)) + r"\Z")
        self.literal = tuple("{" in segment for segment in template.split("/"))
        unnamed = set(names[1::2]) - set(self.path)
        assert not unnamed, f"{self}: {template} does not describe {unnamed}"

    def __repr__(self):
        return f"{self.method} {self.template}"


class Spec(openapi.Schemas):
    def __init__(self, tree):
        super().__init__(tree)
        self.operations = [Operation(self, template, method, entry, item.get("parameters", []))
                           for template, item in tree["paths"].items() for method, entry in item.items() if method in openapi.METHODS]
        self.operations.sort(key=lambda o: o.literal)

    def operation(self, method, path):
        """That of the first template, literal segments before parameters, that has the method and whose parameters allow the path."""
        refused = None
        for o in self.operations:
            match = o.pattern.match(path)
            if not match or o.method != method:
                continue
            wrong = [f"the path's {name} {text!r}: {fault}" for name, text in match.groupdict().items()
                     if (fault := self.wrong(o.path[name]["schema"], urllib.parse.unquote(text)))]
            if not wrong:
                return o
            refused = refused or wrong[0]
        raise Unspecified(refused or "no such call")

    def check(self, request):
        """Raises Unspecified; gives the operation. `request` as the simulator keeps it."""
        path, _, query = request["target"].partition("?")
        try:
            operation = self.operation(request["method"], path)
            self.check_query(operation, query)
            self.check_body(operation, request)
        except Unspecified as e:
            raise Unspecified(f"{request['method']} {request['target']}: {e}") from None
        return operation

    def check_query(self, operation, query):
        given = {}
        for name, text in pairs(query):
            given.setdefault(name, []).append(text)
        for name, parameter in operation.query.items():
            if parameter.get("required") and name not in given:
                raise Unspecified(f"without {name}")
        for name, texts in given.items():
            if name not in operation.query:
                raise Unspecified(f"with {name}, which {operation} does not know")
            self.check_argument(name, operation.query[name], texts)

    def check_argument(self, name, parameter, texts):
        schema = self.resolve(parameter["schema"])
        if schema.get("type") == "array":
            if not parameter.get("explode", True):
                self.once(name, texts)
                texts = texts[0].split(",")
            fault = self.faults({k: v for k, v in schema.items() if k != "items"}, texts)
            if fault:
                raise Unspecified(f"{name}={texts!r}: {fault}")
            schema = self.resolve(schema["items"])
        else:
            self.once(name, texts)
        for text in texts:
            fault = self.wrong(schema, text)
            if fault:
                raise Unspecified(f"{name}={text!r}: {fault}")

    def once(self, name, texts):
        if len(texts) > 1:
            raise Unspecified(f"{name} {len(texts)} times")

    def wrong(self, schema, text):
        """What is wrong with an argument, which is a text whatever its type; '' when nothing is."""
        schema = self.resolve(schema)
        kind, value = schema.get("type"), text
        if kind == "integer" and re.fullmatch(r"[+-]?\d+", text):
            value = int(text)
        elif kind == "number" and re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
            value = float(text)
        elif kind == "boolean" and text in ("true", "false"):
            value = text == "true"
        return self.faults(schema, value)

    def check_body(self, operation, request):
        content = operation.body.get("content", {})
        if not request["body"]:
            if operation.body.get("required"):
                raise Unspecified("without a body")
            return
        if not content:
            raise Unspecified(f"with a body, and {operation} has none")
        essence = (request["type"] or "").split(";")[0].strip().lower()
        if essence not in content:
            raise Unspecified(f"with a body of the type {essence!r}; {operation} takes {', '.join(content)}")
        if "schema" not in content[essence]:
            return
        if essence == FORM:
            fields = pairs(request["body"])
            value = dict(fields)
            if len(value) < len(fields):
                raise Unspecified("with a field twice")
        elif essence == "application/json" or essence.endswith("+json"):
            try:
                value = json.loads(request["body"])
            except ValueError as e:
                raise Unspecified(f"with a body that is not JSON: {e}") from None
        else:
            return
        fault = self.faults(content[essence]["schema"], value, sealed=True)
        if fault:
            raise Unspecified(f"with a body that is not allowed: {fault}")


@functools.lru_cache(None)
def spec(product):
    with open(os.path.join(SPECS, product + ".json"), encoding="utf-8") as f:
        return Spec(json.load(f))


def check(sim, product):
    """Holds everything that `product` was asked since the last check to its description. Gives the calls, each with how often."""
    kept = sim.command("DELETE", f"/control/requests/{product}")
    assert kept["dropped"] == 0, f"{kept['dropped']} requests to {product} were not kept: check more often"
    seen = {}
    for request in kept["requests"]:
        call = repr(spec(product).check(request))
        seen[call] = seen.get(call, 0) + 1
    return seen
