"""Idempotency-Key: what is sent again is done once, whoever gets it and whenever somebody dies."""
import os
import signal
import subprocess
import threading
import unittest

from processes import Hub, Http, eventually, pg_bin
from world import World

KEYS = "/api/v1/api-keys"


class Lock:
    """Holds back whoever writes to a table."""

    def __init__(self, cluster, table):
        self.psql = subprocess.Popen([os.path.join(pg_bin(), "psql"), "-h", cluster.dir, "-U", "postgres", "-d", "msphub", "-XqAt"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"begin; lock table {table} in exclusive mode; select 'held';\n")
        self.psql.stdin.flush()
        assert self.psql.stdout.readline() == "held\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.communicate("rollback;\n")


class Idempotency(World):
    @classmethod
    def build(cls):
        super().build()
        cls.other = cls.keep(Hub(cls.cluster, cls.key_file))

    def http(self, url=None, key=None):
        http = Http(url or self.hub.url, {"Authorization": "Bearer " + (key or self.key)})
        self.addCleanup(http.close)
        return http

    def send(self, key, http=None, path=KEYS, body=None):
        return (http or self.api).post(path, {"name": key, "role": "viewer"} if body is None else body, headers={"Idempotency-Key": key})

    def made(self, name):
        return int(self.cluster.value(f"select count(*) from api_keys where name = '{name}'"))

    def in_work(self, key):
        return eventually(lambda: self.cluster.sql(f"select 1 from idempotency_keys where key = '{key}' and lease_until is not null"), key)

    def later(self, *args, **kw):
        """The answer of a request that is sent by a thread of its own."""
        answers = []

        def run():
            try:
                answers.append(self.send(*args, **kw))
            except OSError as e:
                answers.append(e)
        thread = threading.Thread(target=run)
        thread.start()

        def join():
            thread.join(60)
            return answers[0]
        return join

    def replayed(self, answer, first):
        self.assertEqual((answer.status, answer.body), (first.status, first.body))
        self.assertEqual(answer.headers["Idempotency-Replayed"], "true")
        for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
            self.assertEqual(answer.headers[name], first.headers[name], name)

    def test_the_same_answer_everywhere(self):
        first = self.send("once")
        self.ok(first, 201)
        self.assertIsNone(first.headers["Idempotency-Replayed"])
        for http in (self.api, self.http(), self.http(self.other.url)):
            self.replayed(self.send("once", http), first)
        self.assertEqual(self.made("once"), 1)
        self.assertEqual(self.cluster.sql("select answer, left(sealed, 3), withheld from idempotency_keys where key = 'once'"),
                         [["", "v1:", "f"]])  # it shows a secret
        self.assertNotIn(first.json["key"][13:45], self.cluster.value("select string_agg(k::text, '') from idempotency_keys k"))
        refused = self.send("wrong", body={"name": "x"})
        self.problem(refused, 422)
        self.replayed(self.send("wrong", body={"name": "x"}), refused)

    def test_what_is_not_the_same(self):
        self.ok(self.send("mine"), 201)
        for other in (self.send("mine", body={"name": "mine", "role": "operator"}), self.send("mine", path=KEYS + "?x=1"),
                      self.send("mine", path=KEYS + "/1/rotate")):
            problem = self.problem(other, 422)
            self.assertIn("Idempotency-Key", problem["errors"][0]["detail"])
        colleague = self.http(key=self.new_key("acme", "admin"))
        self.ok(self.send("mine", colleague), 201)
        self.assertEqual(self.made("mine"), 2)
        stranger = self.http(key=self.new_tenant("strange", "Strange"))
        theirs = self.ok(self.send("mine", stranger), 201)
        self.assertEqual(self.made("mine"), 3)
        self.problem(self.api.get(f"{KEYS}/{theirs['id']}"), 404)
        for bad in ("", "x" * 256, "a\tb", "caf\xe9"):
            self.problem(self.send(bad, body={"name": "bad", "role": "viewer"}), 400)
        self.assertEqual(self.made("bad"), 0)
        self.ok(self.send("x" + " ~" * 127, body={"name": "long", "role": "viewer"}), 201)

    def test_while_it_is_in_work(self):
        with Lock(self.cluster, "api_keys"):
            first = self.later("slow", self.http())
            self.in_work("slow")
            for http in (self.http(), self.http(self.other.url)):
                busy = self.send("slow", http)
                self.assertEqual(self.problem(busy, 409)["type"], "/problems/request_in_progress")
                self.assertTrue(busy.headers["Retry-After"])
                self.problem(self.send("slow", http, body={"name": "slow", "role": "admin"}), 422)
        self.ok(first(), 201)
        self.replayed(self.send("slow", self.http(self.other.url)), first())
        self.assertEqual(self.made("slow"), 1)

    def test_whoever_worked_on_it_died(self):
        hub = Hub(self.cluster, self.key_file)
        try:
            with Lock(self.cluster, "api_keys"):
                first = self.later("dead", self.http(hub.url))
                self.in_work("dead")
                hub.process.process.send_signal(signal.SIGKILL)
                self.assertIsInstance(first(), OSError)
        finally:
            hub.kill()
        # what PostgreSQL was doing for it ends first
        eventually(lambda: self.cluster.value("select count(*) from pg_stat_activity where query like '%insert into api_keys%' "
                                              "and state <> 'idle' and pid <> pg_backend_pid()") == "0", "its backend ends")
        made = self.made("dead")
        self.problem(self.send("dead"), 409)
        self.cluster.sql("update idempotency_keys set lease_until = now() where key = 'dead'")
        self.problem(self.send("dead", body={"name": "dead", "role": "admin"}), 422)
        again = self.send("dead")
        self.ok(again, 201)
        self.replayed(self.send("dead", self.http(self.other.url)), again)
        self.assertEqual(self.made("dead"), made + 1)

    def test_a_hub_that_is_ended_meanwhile(self):
        hub = Hub(self.cluster, self.key_file, drain_timeout="0s")
        with Lock(self.cluster, "api_keys"):
            answers = [self.later("ended", self.http(hub.url)), self.later("ended-too", self.http(hub.url))]
            self.in_work("ended")
            self.in_work("ended-too")
            hub.close()  # in good order, though these still wait
            for answer in answers:
                self.assertIsInstance(answer(), OSError)
        self.assertIn(self.send("ended").status, (201, 409))

    def test_what_failed_inside_may_be_sent_again(self):
        hub = self.keep(Hub(self.cluster, self.key_file, database_timeout="1s"))
        http = self.http(hub.url)
        with Lock(self.cluster, "api_keys"):
            self.assertIn(self.send("failed", http).status, (503, 504))
        self.assertEqual(self.made("failed"), 0)
        self.ok(eventually(lambda: (lambda a: a if a.status != 409 else None)(self.send("failed", http)), "its lease is given back"), 201)
        self.assertEqual(self.made("failed"), 1)

    def test_without_keys_a_secret_is_not_kept(self):
        hub = self.keep(Hub(self.cluster, ""))
        http = self.http(hub.url)
        self.ok(self.send("unkept", http), 201)
        for again in (http, self.api):
            self.assertEqual(self.problem(self.send("unkept", again), 409)["type"], "/problems/answer_not_kept")
        self.assertEqual(self.made("unkept"), 1)

    def test_when_its_time_is_over(self):
        first = self.ok(self.send("old"), 201)
        self.cluster.sql("update idempotency_keys set expires_at = now() where key = 'old'")
        second = self.ok(self.send("old", body={"name": "new", "role": "viewer"}), 201)
        self.assertNotEqual(first["id"], second["id"])

    def test_syncs_and_replays(self):
        self.configure_ninja()
        first = self.send("sync", path="/api/v1/integrations/ninjaone/sync", body={"mode": "full"})
        if first.status == 202:  # else one is under way, and that is the answer
            self.finished("ninjaone", first.json["run_id"])
        self.replayed(self.send("sync", path="/api/v1/integrations/ninjaone/sync", body={"mode": "full"}), first)
        rotated = self.send("rotate", path="/api/v1/integrations/ninjaone/webhook/rotate", body={})
        self.ok(rotated, 200)
        self.replayed(self.send("rotate", path="/api/v1/integrations/ninjaone/webhook/rotate", body={}), rotated)
        self.assertEqual(self.cluster.value("select sealed is not null from idempotency_keys where key = 'rotate'"), "t")
        dead = self.send("dead-letters", path="/api/v1/integrations/ninjaone/deliveries/replay-dead", body={})
        self.replayed(self.send("dead-letters", path="/api/v1/integrations/ninjaone/deliveries/replay-dead", body={}), dead)


if __name__ == "__main__":
    unittest.main()
