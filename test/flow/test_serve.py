"""The daemon's life: starting without a database, draining, reloading, a port that is taken, health and metrics."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from processes import BUILD, Http, Hub, Process, environment, eventually
from world import World


class Life(World):
    def hub_here(self, **options):
        hub = Hub(self.cluster, self.key_file, **options)
        self.addCleanup(hub.close)
        return hub

    def test_ready_and_live_tell_nothing_secret(self):
        ready = self.hub.http.get("/readyz?verbose")
        self.assertEqual(ready.status, 200)
        self.assertIn(b"database", ready.body)
        self.assertNotIn(self.cluster.dir.encode(), ready.body)
        self.assertEqual(self.hub.http.get("/livez").status, 200)

    def test_starts_before_its_database_and_survives_its_loss(self):
        self.cluster.stop("immediate")
        try:
            hub = Hub.__new__(Hub)
            hub.cluster, hub.key_file, hub.options = self.cluster, self.key_file, dict(self.hub.options)
            hub.start(ready=False)
            self.addCleanup(hub.close)
            self.assertEqual(hub.http.get("/livez").status, 200)
            self.assertEqual(hub.http.get("/readyz").status, 503)
            eventually(lambda: self.hub.http.get("/readyz").status == 503, "the running hub notices the loss")
        finally:
            self.cluster.start()
        eventually(lambda: hub.http.get("/readyz").status == 200, "ready after the database came up")
        eventually(lambda: self.hub.http.get("/readyz").status == 200, "the running hub is ready again")

    def test_port_taken(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            done = subprocess.run([os.path.join(BUILD, "msphub"), "serve", "--listen", f"127.0.0.1:{port}"], capture_output=True,
                                  text=True, timeout=30, env=environment({"MSPHUB_DATABASE": self.cluster.conninfo}))
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(port), done.stderr)
        self.assertIn("listen", done.stderr)

    def test_old_schema_is_told(self):
        self.cluster.sql("create database empty owner msphub", database="postgres")
        conninfo = self.cluster.conninfo.replace("dbname=msphub", "dbname=empty")
        done = subprocess.run([os.path.join(BUILD, "msphub"), "serve", "--listen", "127.0.0.1:0"], capture_output=True, text=True,
                              timeout=30, env=environment({"MSPHUB_DATABASE": conninfo}))
        self.assertEqual(done.returncode, 1)
        self.assertIn("msphub migrate", done.stderr)

    def test_reload_takes_the_good_and_keeps_the_old_over_the_bad(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
            f.write("log_level = info\n")
        self.addCleanup(os.unlink, f.name)
        process = Process("hub", [os.path.join(BUILD, "msphub"), "serve", "--listen", "127.0.0.1:0", "--config", f.name],
                          {"MSPHUB_DATABASE": self.cluster.conninfo})
        self.addCleanup(process.close)
        process.first_url()
        eventually(lambda: "serve.ready" in process.text(), "ready")
        with open(f.name, "w", encoding="ascii") as g:
            g.write("log_levle = debug\n")
        process.process.send_signal(signal.SIGHUP)
        eventually(lambda: "config.refused" in process.text(), "the bad file is refused")
        self.assertIn("log_level", process.text())
        with open(f.name, "w", encoding="ascii") as g:
            g.write("log_level = debug\ndatabase_connections = 9\n")
        process.process.send_signal(signal.SIGHUP)
        eventually(lambda: "config.reloaded" in process.text(), "the good file is taken")
        self.assertIn("database_connections", process.text())

    def test_terminate_drains_and_exits_zero(self):
        hub = Hub(self.cluster, self.key_file)
        with socket.create_connection((hub.http.host, hub.http.port)):
            self.assertEqual(hub.process.end(signal.SIGTERM, 20), 0)
        hub.http.close()
        self.assertIn("serve.draining", hub.process.text())
        hub.process.forget()

    def test_log_lines_are_json_with_request_ids(self):
        answer = self.hub.http.get("/api/v1", headers={"X-Request-Id": "flow-test-1"})
        self.assertEqual(answer.headers["X-Request-Id"], "flow-test-1")
        line = eventually(lambda: [t for t in self.hub.process.text().splitlines() if "flow-test-1" in t], "its log line")[0]
        entry = json.loads(line)
        self.assertEqual((entry["event"], entry["status"]), ("http.request", 200))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_has_nothing_to_say(self):
        self.configure_ninja()
        self.sync()
        text = self.hub.http.get("/metrics").body
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_a_real_prometheus_scrapes(self):
        folder = tempfile.mkdtemp(prefix="msphub-prometheus-")
        self.addCleanup(shutil.rmtree, folder, True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        with open(folder + "/p.yml", "w", encoding="ascii") as f:
            f.write("scrape_configs:\n- job_name: msphub\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  static_configs:\n"
                    f"  - targets: ['{self.hub.http.host}:{self.hub.http.port}']\n")
        server = subprocess.Popen(["prometheus", f"--config.file={folder}/p.yml", f"--storage.tsdb.path={folder}/data",
                                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)

        def seen():
            prometheus = Http(f"http://127.0.0.1:{port}")
            try:
                return prometheus.get("/api/v1/query?query=msphub_build_info").json["data"]["result"]
            except (OSError, KeyError, ValueError):
                return None
            finally:
                prometheus.close()
        self.assertEqual(eventually(seen, "Prometheus has the metric")[0]["metric"]["job"], "msphub")


if __name__ == "__main__":
    unittest.main(verbosity=2)
