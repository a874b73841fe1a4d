"""The world of a flow test: cluster, schema, one tenant with an admin key, simulator, hub; and what most tests do in it."""
import os
import subprocess
import tempfile
import unittest
import urllib.parse

from processes import BUILD, Cluster, Http, Hub, Sim, environment, eventually


def msphub(cluster, key_file, *argv):
    """A subcommand, before any daemon runs; gives its output."""
    env = environment({"MSPHUB_DATABASE": cluster.conninfo, "MSPHUB_KEY_FILE": key_file})
    done = subprocess.run([os.path.join(BUILD, "msphub"), *argv], capture_output=True, text=True, env=env)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


class World(unittest.TestCase):
    sim_flags = ("--seed", "7", "--ninja-devices", "60", "--ninja-orgs", "4", "--tactical-agents", "24", "--tactical-clients", "3")
    hub_options = {}
    cluster_class = Cluster

    @classmethod
    def setUpClass(cls):
        cls.closing = []
        try:
            cls.build()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def keep(cls, thing):
        """Closed with the world, last opened first."""
        cls.closing.append(thing)
        return thing

    @classmethod
    def build(cls):
        cls.cluster = cls.keep(cls.cluster_class())
        with tempfile.NamedTemporaryFile("w", prefix="msphub-flow-key-", dir="/tmp", delete=False) as key_file:
            key_file.write("k1:" + os.urandom(32).hex() + "\n")
        cls.key_file = key_file.name
        msphub(cls.cluster, cls.key_file, "migrate")
        cls.key = cls.new_tenant("acme", "Acme MSP")
        cls.sim = cls.keep(Sim(*cls.sim_flags))
        cls.hub = cls.keep(Hub(cls.cluster, cls.key_file, **cls.hub_options))
        cls.api = cls.connect(cls.key)

    @classmethod
    def new_tenant(cls, slug, name, role="admin"):
        msphub(cls.cluster, cls.key_file, "tenant", "create", slug, "--name", name)
        return cls.new_key(slug, role)

    @classmethod
    def new_key(cls, slug, role):
        return msphub(cls.cluster, cls.key_file, "api-key", "create", "--tenant", slug, "--role", role, "--name", "flow").split()[-1]

    @classmethod
    def connect(cls, key):
        return cls.keep(Http(cls.hub.url, {"Authorization": "Bearer " + key}))

    @classmethod
    def tearDownClass(cls):
        failure = None
        for thing in reversed(cls.closing):
            try:
                thing.close()
            except Exception as e:  # the rest must still be ended
                failure = failure or e
        if hasattr(cls, "key_file"):
            os.unlink(cls.key_file)
        if failure:
            raise failure

    # --- what most tests do ---
    def ok(self, answer, *statuses):
        self.assertIn(answer.status, statuses or (200, 201, 202, 204), answer)
        return answer.json if answer.body else None

    def problem(self, answer, status):
        """A problem details answer with this status; gives it."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json
        self.assertEqual(problem["status"], status)
        for field in ("type", "title", "detail", "request_id"):
            self.assertTrue(problem[field], problem)
        return problem

    def configure(self, key, settings, **more):
        """Makes an integration, or edits the one that is there."""
        seen = self.api.get(f"/api/v1/integrations/{key}")
        guard = {"If-Match": seen.headers["ETag"]} if seen.status == 200 else {}
        return self.ok(self.api.post(f"/api/v1/integrations/{key}/configure", {"settings": settings, **more}, headers=guard))

    def configure_ninja(self, key="ninjaone", **settings):
        values = {"base_url": self.sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}
        values.update(settings)
        return self.configure(key, values)

    def configure_tactical(self, key="tacticalrmm", **settings):
        values = {"base_url": self.sim.tactical, "api_key": "SIMTACTICALKEYFULLACCESS00000001"}
        values.update(settings)
        return self.configure(key, values)

    def configure_msp360(self, key="msp360", **settings):
        values = {"base_url": self.sim.msp360, "api_login": "sim-msp360-login", "api_password": 'sim-msp360-"pass"word'}
        values.update(settings)
        return self.ok(self.api.post(f"/api/v1/integrations/{key}/configure", {"settings": values}))

    def configure_syncro(self, key="syncro", **settings):
        values = {"base_url": self.sim.syncro, "subdomain": "northmsp", "api_token": "simsyncrotokenwithallpermissions0001"}
        values.update(settings)
        return self.configure(key, values)

    def sync(self, key="ninjaone", **request):
        """Runs a sync of its own to its end (one that is on its way may have begun before what the test did); gives the run."""
        while True:
            answer = self.api.post(f"/api/v1/integrations/{key}/sync", request or {"mode": "full"})
            run = self.ok(answer, 202, 409)
            self.assertIn("run_id", run)
            ended = self.finished(key, run["run_id"])
            if answer.status == 202:
                return ended

    def finished(self, key, run_id):
        def probe():
            run = self.ok(self.api.get(f"/api/v1/integrations/{key}/runs/{run_id}"))
            return run if run["status"] not in ("queued", "running") else None
        return eventually(probe, f"run {run_id} of {key} ends")

    def items(self, path):
        """All pages of a list."""
        found, after = [], None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.ok(self.api.get(path + (f"{separator}after={urllib.parse.quote(after)}" if after else "")))
            found += page["items"]
            after = page["next"]
            if not after:
                return found
