"""An OpenID Connect provider on loopback, strict where the real ones are: exact redirect URI, PKCE, codes good for once. And everything that
a bad or broken one may answer."""
import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, kid, alg="ES256"):
        self.kid, self.alg = kid, alg
        if alg == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)
        elif alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self):
        public = self.private.public_key()
        jwk = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg == "RS256":
            n = public.public_numbers()
            return {**jwk, "kty": "RSA", "n": number(n.n), "e": number(n.e)}
        if self.alg == "ES256":
            n = public.public_numbers()
            return {**jwk, "kty": "EC", "crv": "P-256", "x": number(n.x, 32), "y": number(n.y, 32)}
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {**jwk, "kty": "OKP", "crv": "Ed25519", "x": b64(raw)}

    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "ES256":
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)


def token(key, claims, header=None):
    head = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    data = (b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())).encode()
    return data.decode() + "." + b64(key.sign(data))


def unsigned(claims):
    return b64(b'{"alg":"none"}') + "." + b64(json.dumps(claims).encode()) + "."


def hmac_token(secret, kid, claims):
    data = (b64(json.dumps({"alg": "HS256", "kid": kid}).encode()) + "." + b64(json.dumps(claims).encode())).encode()
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(data)
    return data.decode() + "." + b64(mac.finalize())


class Refused(Exception):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, kind="application/json", headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def faulty(self, path):
        """Plays the fault of this path; true when that was the answer."""
        fault = self.server.provider.faults.get(path)
        if fault == "html":
            self.reply(200, b"<html>Please sign in</html>", "text/html")
        elif fault == "500":
            self.reply(500, b"{}")
        elif fault == "redirect":
            self.reply(302, b"", headers=[("Location", "http://127.0.0.1:1/")])
        elif fault == "silence":
            self.server.provider.healed.wait(60)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "large":
            self.reply(200, b'{"keys":[' + b" " * 400_000 + b"]}")
        return fault in ("html", "500", "redirect", "silence", "drop", "large")

    def do_GET(self):
        provider = self.server.provider
        parts = urllib.parse.urlsplit(self.path)
        provider.asked.append(parts.path)
        if self.faulty(parts.path):
            return
        if parts.path == "/.well-known/openid-configuration":
            self.reply(200, provider.metadata())
        elif parts.path == "/jwks":
            self.reply(200, provider.jwks(), headers=[("Cache-Control", "public, max-age=600")])
        elif parts.path == "/authorize":
            try:
                self.reply(302, b"", headers=[("Location", provider.authorize(dict(urllib.parse.parse_qsl(parts.query))))])
            except Refused as e:
                self.reply(400, {"error": str(e)})
        else:
            self.reply(404, {})

    def do_POST(self):
        provider = self.server.provider
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        provider.asked.append(self.path)
        if self.faulty(self.path):
            return
        try:
            self.reply(200, provider.exchange(dict(urllib.parse.parse_qsl(form)), self.headers.get("Authorization")))
        except Refused as e:
            self.reply(400, {"error": str(e), "error_description": "as the strict provider of the tests says"})


class Provider:
    client_id, client_secret = "hub client", "s3cret & more:/?"

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.provider = self
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.keys = [Key("k1")]
        self.faults, self.asked, self.codes = {}, [], {}
        self.healed = threading.Event()
        self.person = {"sub": "p-1", "email": "ada@example.org", "name": "Ada", "roles": ["technicians"]}
        self.redirect_uris = set()
        self.reuse_codes = False
        self.changes, self.token_changes, self.methods = {}, {}, None  # what the next ID tokens and replies say otherwise
        self.sign = token
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def heal(self):
        self.faults, self.changes, self.token_changes, self.methods, self.sign = {}, {}, {}, None, token
        self.reuse_codes = False
        self.healed.set()
        self.healed = threading.Event()

    def count(self, path):
        return self.asked.count(path)

    def metadata(self):
        said = {"issuer": self.issuer, "authorization_endpoint": self.issuer + "/authorize?realm=x", "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/jwks", "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                "authorization_response_iss_parameter_supported": True}
        if self.methods:
            said["token_endpoint_auth_methods_supported"] = self.methods
        said.update(self.faults.get("metadata", {}))
        return {k: v for k, v in said.items() if v is not None}

    def jwks(self):
        return {"keys": [{"kty": "oct", "k": "AAAA"}] + [k.jwk() for k in self.keys]}

    def claims(self, **more):
        now = int(time.time())
        return {"iss": self.issuer, "iat": now, "exp": now + 300, **self.person, **more}

    def bearer(self, audience, key=None, **more):
        return token(key or self.keys[0], self.claims(aud=audience, **more))

    # --- the code flow ---
    def authorize(self, asked):
        for name, want in (("client_id", self.client_id), ("response_type", "code"), ("code_challenge_method", "S256"), ("realm", "x")):
            if asked.get(name) != want:
                raise Refused(f"{name} is {asked.get(name)!r}")
        if asked["redirect_uri"] not in self.redirect_uris or "openid" not in asked["scope"].split():
            raise Refused("redirect_uri or scope")
        if len(asked["state"]) < 20 or len(asked["nonce"]) < 20 or len(asked["code_challenge"]) != 43:
            raise Refused("state, nonce or code_challenge")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": self.issuer})

    def authenticate(self, form, basic):
        if self.client_secret is None:
            if basic or form.get("client_id") != self.client_id:
                raise Refused("invalid_client")
            return
        if self.methods == ["client_secret_post"]:
            given = (form.get("client_id"), form.get("client_secret")) if not basic else None
        else:
            pair = base64.b64decode((basic or "Basic ").removeprefix("Basic ")).decode().split(":", 1) if basic else []
            given = tuple(urllib.parse.unquote_plus(x) for x in pair)
        if given != (self.client_id, self.client_secret):
            raise Refused("invalid_client")

    def exchange(self, form, basic):
        self.authenticate(form, basic)
        asked = self.codes.get(form.get("code")) if self.reuse_codes else self.codes.pop(form.get("code"), None)
        if form.get("grant_type") != "authorization_code" or not asked or form.get("redirect_uri") != asked["redirect_uri"]:
            raise Refused("invalid_grant")
        if b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) != asked["code_challenge"]:
            raise Refused("invalid_grant")
        access = secrets.token_urlsafe(24)
        claims = self.claims(aud=self.client_id, nonce=asked["nonce"], at_hash=b64(hashlib.sha256(access.encode()).digest()[:16]))
        claims.update(self.changes)
        claims = {k: v for k, v in claims.items() if v is not None}
        reply = {"access_token": access, "token_type": "Bearer", "id_token": self.sign(self.keys[0], claims)}
        reply.update(self.token_changes)
        return reply

    def close(self):
        self.healed.set()
        self.server.shutdown()
        self.server.server_close()
