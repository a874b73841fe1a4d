"""Canaries: secrets that nobody else has, all that a hub says and stores, and the search for the one in the other."""
import base64
import http.server
import json
import os
import re
import secrets
import subprocess
import threading
import urllib.parse

from processes import Http, pg_bin


def forms(core):
    """A text as it may look where it was copied to: as it is, in hexadecimal, and in base64 at each of the three alignments, without the
    characters that depend on what stands beside it."""
    raw = core.encode()
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "reversed": raw[::-1]}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        cut = text[(0, 2, 3)[shift]:].rstrip(b"=")
        found[f"base64+{shift}"] = cut[:-1]
    return found


class Aviary:
    """All canaries of a test. What is searched for is the core, which no coding of a URL, of JSON or of SQL changes."""

    def __init__(self):
        self.cores = {}

    def hatch(self, name, ends=""):
        """A new secret; `ends` are characters that codings do change."""
        core = "Kanari" + secrets.token_hex(12)
        return self.add(name, core + ends, core)

    def add(self, name, text, core=None):
        """A secret that somebody else made."""
        assert len(core or text) >= 12, name
        self.cores[name] = core or text
        return text

    def sightings(self, where, raw):
        raw = raw if isinstance(raw, bytes) else raw.encode(errors="replace")
        low = raw.lower()
        return [f"{name} ({form}) in {where}: …{raw[max(0, at - 200):at + 80]!r}…" for name, core in self.cores.items()
                for form, text in forms(core).items() for at in [low.find(text.lower()) if form in ("hex", "HEX") else raw.find(text)] if at >= 0]


class Recorder(Http):
    """Keeps every answer, head and body, with what was asked."""
    seen = []

    def __call__(self, method, path, *args, **kw):
        answer = super().__call__(method, path, *args, **kw)
        self.seen.append((f"{method} {path}", f"{answer.status}\n{answer.headers}".encode() + answer.body))
        return answer


class Echo(http.server.ThreadingHTTPServer):
    """A product that repeats whatever it was sent, in each way in which a product answers."""
    daemon_threads = True
    modes = ("json401", "json403", "json400", "json404", "json500", "page200", "text400", "redirect", "type200", "data200", "issue")

    def __init__(self, aviary):
        super().__init__(("127.0.0.1", 0), EchoHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.mode, self.calls, self.aviary = "json401", 0, aviary
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class EchoHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def heard(self, body):
        sent = [v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")]
        form = [v for values in urllib.parse.parse_qs(body).values() for v in values]
        return " ".join(sent + form + [body, self.path])

    def serve(self):
        self.server.calls += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        mode, heard = self.server.mode, self.heard(body)
        if mode == "issue" and "grant_type" in body:
            self.answer(200, {"access_token": self.server.aviary.hatch("an issued access token"), "token_type": "Bearer", "expires_in": 3600,
                              "refresh_token": self.server.aviary.hatch("an issued refresh token")})
            return
        said = {key: "refused: " + heard for key in ("error", "error_description", "message", "detail", "errorMessage", "non_field_errors")}
        if mode == "page200":
            self.answer(200, f"<html><title>{heard}</title></html>".encode(), "text/html")
        elif mode == "text400":
            self.answer(400, heard.encode(), "text/plain")
        elif mode == "redirect":
            self.answer(302, b"", Location=f"{self.server.url}/login?{urllib.parse.quote(heard)}&{re.sub('[^!-~]', '', heard)}")
        elif mode == "type200":
            self.answer(200, b"", re.sub("[^ -~]", "", f"text/x; {heard}"))
        elif mode == "data200":
            self.answer(200, said)
        else:
            self.answer(401 if mode == "issue" else int(mode[4:]), said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve


def dump(cluster):
    """The whole database as text, as the superuser."""
    argv = [os.path.join(pg_bin(), "pg_dump"), "-h", cluster.dir, "-U", "postgres", "--inserts", "msphub"]
    return subprocess.run(argv, check=True, capture_output=True).stdout
