"""The programs a flow test runs: a private PostgreSQL cluster, the simulator, the real daemon; each on free ports, each ended."""
import glob
import http.client
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import openapi

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("MSPHUB_BUILD", os.path.join(ROOT, "build/check"))  # meson sets it
DEADLINE = float(os.environ.get("MSPHUB_TEST_DEADLINE", "60"))


def eventually(probe, what, deadline=DEADLINE, every=0.02):
    """Polls probe() until it gives something true, and gives that; no fixed sleeps."""
    end = time.monotonic() + deadline
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline:.0f} s; last seen: {seen!r}")
        threading.Event().wait(every)


def pg_bin():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))
    return found[-1] if found else os.path.dirname(shutil.which("postgres"))


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MSPHUB_")}
    env.update(extra or {})
    return env


class Cluster:
    """As root it runs under the postgres user, for PostgreSQL refuses to run as root."""

    settings = "listen_addresses=''\nunix_socket_directories='{0}'\nfsync=off\nmax_connections=60\nlog_min_messages=warning\n"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="msphub-flow-pg-", dir="/tmp")
        self.owner = []
        if os.geteuid() == 0:
            self.owner = ["runuser", "-u", "postgres", "--"]
            entry = pwd.getpwnam("postgres")
            os.chown(self.dir, entry.pw_uid, entry.pw_gid)
        os.chmod(self.dir, 0o755)
        self.run("initdb", "-D", self.dir + "/data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        with open(self.dir + "/data/postgresql.auto.conf", "a", encoding="ascii") as f:
            f.write(self.settings.format(self.dir))
        self.start()
        self.sql("create role msphub login", database="postgres")
        self.sql("create database msphub owner msphub", database="postgres")
        self.conninfo = f"host={self.dir} dbname=msphub user=msphub"

    def run(self, program, *args):
        argv = self.owner + [os.path.join(pg_bin(), program), *args]
        # pg_ctl's server keeps the output open: it gets a file, never a pipe
        return subprocess.run(argv, cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        self.run("pg_ctl", "-D", self.dir + "/data", "-l", self.dir + "/log", "-w", "start")

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", self.dir + "/data", "-m", mode, "-w", "stop")

    def sql(self, text, database="msphub"):
        """Rows as lists of text, as the superuser (row-level security does not apply)."""
        argv = [os.path.join(pg_bin(), "psql"), "-h", self.dir, "-U", "postgres", "-d", database, "-XqAtF", "\x1f",
                "-v", "ON_ERROR_STOP=1", "-c", text]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def value(self, text):
        rows = self.sql(text)
        return rows[0][0] if rows else None

    def session(self, text):
        """A superuser's session that has run this and stays open; `end(more)` runs more and ends it."""
        return Session([os.path.join(pg_bin(), "psql"), "-h", self.dir, "-U", "postgres", "-d", "msphub", "-XqAt", "-v", "ON_ERROR_STOP=1"], text)

    def close(self):
        try:
            self.stop("immediate")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.dir, ignore_errors=True)


class Session:
    def __init__(self, argv, text):
        self.psql = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(text + "\nselect 'done';\n")
        self.psql.stdin.flush()
        while (line := self.psql.stdout.readline()) != "done\n":
            assert line, f"psql ended at: {text}"

    def end(self, text=""):
        self.psql.communicate(text)
        assert self.psql.returncode == 0, text


class Process:
    """A program of ours; what it wrote to stderr is kept and shown when something fails."""

    def __init__(self, name, argv, env=None):
        self.name = name
        self.log = tempfile.NamedTemporaryFile(prefix=f"msphub-flow-{name}-", suffix=".log", dir="/tmp", delete=False)
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment(env))

    def text(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def first_url(self):
        """The address in the next line of stdout that has one."""
        for line in self.process.stdout:
            if "http" in line:
                return line[line.index("http"):].split()[0]
        self.process.wait(10)
        raise AssertionError(f"{self.name} did not start:\n{self.text()[-4000:]}")

    def end(self, how=signal.SIGTERM, deadline=30):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {deadline} s:\n{self.text()[-4000:]}") from None
        finally:
            self.process.stdout.close()

    def forget(self):
        self.log.close()
        os.unlink(self.log.name)

    def close(self):
        status = self.end()
        text = self.text()
        self.forget()
        if status != 0 or "Sanitizer" in text or "runtime error:" in text:
            raise AssertionError(f"{self.name} ended with {status}:\n{text[-6000:]}")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Http:
    """One keep-alive connection; the server may close it between requests. What a hub answers is held to doc/openapi.yaml."""

    hubs = set()  # (host, port) of those that run

    def __init__(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.headers = parts.hostname, parts.port, headers or {}
        self.connection = None

    def __call__(self, method, path, body=None, headers=None):
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = dict(self.headers)
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        while True:
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
            try:
                self.connection.request(method, path, raw, sent)
                r = self.connection.getresponse()
                answer = Answer(r.status, r.headers, r.read())
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()
                if fresh:
                    raise
                continue
            if r.will_close:
                self.close()
            if (self.host, self.port) in Http.hubs:
                openapi.document().check(method, path, raw, answer)
            return answer

    def get(self, path, **kw):
        return self("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self("POST", path, body, **kw)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Sim:
    """The simulator: an address a product, and one to control it."""

    def __init__(self, *flags):
        self.process = Process("sim", [os.path.join(BUILD, "test/sim/msphub-sim"), "--listen", "127.0.0.1:0",
                                       "--tactical-listen", "127.0.0.1:0", "--msp360-listen", "127.0.0.1:0",
                                       "--syncro-listen", "127.0.0.1:0", "--jamf-listen", "127.0.0.1:0",
                                       "--control-listen", "127.0.0.1:0", *flags])
        self.ninja, self.tactical, self.msp360, self.syncro, self.jamf, control = (self.process.first_url() for _ in range(6))
        self.control = Http(control)

    def command(self, method, path, body=None):
        answer = self.control(method, path, body)
        assert answer.status < 300, answer
        return answer.json if answer.body else None

    def fault(self, **fault):
        return self.command("POST", "/control/faults", fault)

    def heal(self):
        return self.command("DELETE", "/control/faults")

    def stats(self):
        return self.command("GET", "/control/stats")

    def close(self):
        self.control.close()
        self.process.close()


class Hub:
    """The daemon, started as an operator would."""

    def __init__(self, cluster, key_file, **options):
        self.cluster, self.key_file = cluster, key_file
        self.options = {"listen": "127.0.0.1:0", "allow_private_networks": "yes", "log_format": "json"}
        self.options.update(options)
        self.start()

    def env(self):
        return {"MSPHUB_DATABASE": self.cluster.conninfo, "MSPHUB_KEY_FILE": self.key_file}

    def start(self, ready=True):
        flags = [f"--{k.replace('_', '-')}={v}" for k, v in self.options.items()]
        self.process = Process("hub", [os.path.join(BUILD, "msphub"), "serve", *flags], self.env())
        self.url = self.process.first_url()
        self.http = Http(self.url)
        Http.hubs.add((self.http.host, self.http.port))
        if ready:
            eventually(lambda: self.http.get("/readyz").status == 200, "the hub is ready")

    def command(self, *argv, check=True):
        done = subprocess.run([os.path.join(BUILD, "msphub"), *argv], capture_output=True, text=True, env=environment(self.env()))
        assert not check or done.returncode == 0, (argv, done.returncode, done.stdout, done.stderr)
        return done

    def forget(self):
        self.http.close()
        Http.hubs.discard((self.http.host, self.http.port))

    def kill(self):
        self.forget()
        self.process.end(signal.SIGKILL)
        self.process.forget()

    def close(self):
        self.forget()
        self.process.close()
