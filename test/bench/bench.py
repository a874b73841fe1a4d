#!/usr/bin/env python3
"""Measures msphub against ceilings taken in the same run on the same machine, and prints a table.

Usage: bench.py BUILD_FOLDER [webhooks|sync|software|reads]
Everything (load generator, hub, PostgreSQL with fsync on) shares this machine's cores: quote the ratios, not the figures.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2] if len(sys.argv) > 2 else None
os.environ["MSPHUB_BUILD"] = BUILD
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "flow"))

import processes  # noqa: E402
from processes import Cluster, Http, Hub, Process, Sim, environment, eventually, pg_bin  # noqa: E402
from world import msphub  # noqa: E402

SECONDS = int(os.environ.get("MSPHUB_BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("MSPHUB_BENCH_ROUNDS", "3"))
CONNECTIONS = 256


class BenchCluster(Cluster):
    settings = ("listen_addresses=''\nunix_socket_directories='{0}'\nmax_connections=100\nshared_buffers='512MB'\n"
                "max_wal_size='8GB'\ncheckpoint_timeout='30min'\nlog_min_messages=warning\n")


class Bench:
    def __init__(self):
        self.cluster = BenchCluster()
        with tempfile.NamedTemporaryFile("w", prefix="msphub-bench-key-", delete=False) as f:
            f.write("k1:" + os.urandom(32).hex() + "\n")
        self.key_file = f.name
        msphub(self.cluster, self.key_file, "migrate")
        msphub(self.cluster, self.key_file, "tenant", "create", "bench", "--name", "Bench")
        self.key = msphub(self.cluster, self.key_file, "api-key", "create", "--tenant", "bench", "--role", "admin", "--name", "b").split()[-1]
        self.rows = []
        self.running = []  # ended with the bench when a measurement fails
        self.next_id = 1

    def start(self, thing):
        self.running.append(thing if isinstance(thing, Process) else thing.process)
        return thing

    def hub(self, **options):
        hub = self.start(Hub(self.cluster, self.key_file, log_level="warn", rate_limit_key=0, rate_limit_tenant=0, **options))
        return hub, Http(hub.url, {"Authorization": "Bearer " + self.key})

    def row(self, what, value, against="", ratio=None):
        self.rows.append((what, value, against, "" if ratio is None else f"{ratio:.2f}"))
        print(f"{what:<58} {value:>22} {against:>30} {self.rows[-1][3]:>7}", flush=True)

    def close(self):
        for process in self.running:
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        self.cluster.close()
        os.unlink(self.key_file)


def ok(answer):
    assert answer.status < 300, answer
    return answer.json if answer.body else None


def metric(http, name, **labels):
    """Sum of a metric's series that carry these labels."""
    total = 0.0
    for line in http.get("/metrics").body.decode().splitlines():
        found = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{k}="{v}"' in (found.group(1) or "") for k, v in labels.items()):
            total += float(found.group(2))
    return total


def memory_peak(process):
    with open(f"/proc/{process.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) / 1024


# --- webhooks ---

def wrk(url, seconds, **env):
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", os.path.join(HERE, "post.lua"), url], check=True,
                         capture_output=True, text=True, env=environment({k: str(v) for k, v in env.items()})).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), int(bad.group(1)) if bad else 0


def pgbench(cluster):
    cluster.sql("create table if not exists bench_inbox (id bigint generated always as identity primary key,"
                " received_at timestamptz not null default now(), key text not null unique, body bytea not null)")
    script = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)
    script.write("insert into bench_inbox (key, body) values (gen_random_uuid()::text, repeat('x', 1024)::bytea) on conflict do nothing;\n")
    script.close()
    os.chmod(script.name, 0o644)
    out = subprocess.run([os.path.join(pg_bin(), "pgbench"), "-h", cluster.dir, "-U", "postgres", "-n", "-M", "prepared", "-c32", "-j1",
                          f"-T{SECONDS}", "-f", script.name, "msphub"], check=True, capture_output=True, text=True).stdout
    os.unlink(script.name)
    return float(re.search(r"tps = ([\d.]+)", out).group(1))


PENDING = "select count(*) from webhook_deliveries where status = 'pending'"


def bench_webhooks(b):
    hub, api = b.hub()
    ok(api.post("/api/v1/integrations/ninjaone/configure",
                {"settings": {"base_url": "http://127.0.0.1:1", "client_id": "none", "client_secret": "none"}}))
    hook = ok(api.get("/api/v1/integrations/ninjaone/webhook"))
    path = hook["url"][hook["url"].index("/webhooks/"):]
    ceiling = b.start(Process("ceiling", [os.path.join(BUILD, "test/bench/bench-http-server"), "naive"]))
    ceiling_url = f"http://127.0.0.1:{int(ceiling.process.stdout.readline())}"
    empty, durable, commits, applied = [], [], [], []
    for _ in range(ROUNDS):
        empty.append(wrk(ceiling_url, SECONDS)[0])
        before = int(b.cluster.value("select count(*) from webhook_deliveries"))
        rate, bad = wrk(hub.url, SECONDS, HOOK_PATH=path, HOOK_HEADER=hook["header"], HOOK_SECRET=hook["secret"], FIRST_ID=b.next_id)
        stored = int(b.cluster.value("select count(*) from webhook_deliveries")) - before
        assert bad == 0, f"{bad} answers were no 2xx"
        durable.append(min(rate, stored / SECONDS))
        b.next_id += stored + 10_000_000
        waiting, began = int(b.cluster.value(PENDING)), time.monotonic()
        eventually(lambda: b.cluster.value(PENDING) == "0", "the backlog is applied", 600, 0.2)
        applied.append(waiting / (time.monotonic() - began))
        commits.append(pgbench(b.cluster))
    ceiling.end(15)
    ceiling.forget()
    mine, a, c = statistics.median(durable), statistics.median(empty), statistics.median(commits)
    b.row("durable webhooks/s (256 connections, 1 KB)", f"{mine:,.0f}")
    b.row("  beside an empty libevhtp handler", f"{mine:,.0f}", f"{a:,.0f} requests/s", mine / a)
    b.row("  beside one row per commit (pgbench, 32 connections)", f"{mine:,.0f}", f"{c:,.0f} commits/s", mine / c)
    b.row("  what waits is applied afterwards", f"{statistics.median(applied):,.0f}/s")
    for rate in (1000, 5000):
        out = subprocess.run([os.path.join(BUILD, "test/bench/openloop"), hub.url.rsplit(":", 1)[1], path,
                              f"{hook['header']}: {hook['secret']}", str(rate), str(SECONDS), "64", str(b.next_id)],
                             check=True, capture_output=True, text=True).stdout
        b.next_id += 10_000_000
        r = json.loads(out)
        assert r["bad"] == 0, r
        b.row(f"ack latency at {rate}/s, open loop", f"p50 {r['p50_ms']} ms", f"p99 {r['p99_ms']}, max {r['max_ms']} ms")
    b.row("longest loop turn", f"{metric(api, 'msphub_loop_turn_longest_seconds') * 1e3:.1f} ms")
    b.row("peak memory", f"{memory_peak(hub.process):.0f} MB")
    api.close()
    hub.close()


# --- sync ---

def run_sync(api, key):
    answer = api.post(f"/api/v1/integrations/{key}/sync", {"mode": "full"})
    assert answer.status in (202, 409), answer  # a new integration is due at once: its run may have begun
    run_id = answer.json["run_id"]

    def ended():
        run = ok(api.get(f"/api/v1/integrations/{key}/runs/{run_id}"))
        return run if run["status"] not in ("queued", "running") else None

    return eventually(ended, "the run ends", 900, 0.05)


def seconds_of(b, run):
    return float(b.cluster.value("select extract(epoch from finished_at - started_at) from integration_sync_history "
                                 f"where run_id = {run['id']}"))


def copy_ceiling(b):
    """A plain COPY of the rows that the sync stored, into an empty table of the same columns: seconds."""
    seconds = 0.0
    psql = [os.path.join(pg_bin(), "psql"), "-h", b.cluster.dir, "-U", "postgres", "-d", "msphub", "-XqAt"]
    for table in ("asset_sources", "asset_source_facets", "assets"):
        columns = b.cluster.value(f"select string_agg(attname, ', ' order by attnum) from pg_attribute where attrelid = '{table}'::regclass"
                                  " and attnum > 0 and not attisdropped and attgenerated = ''")
        dump = tempfile.NamedTemporaryFile(suffix=".copy", delete=False)
        dump.close()
        try:
            subprocess.run(psql + ["-c", f"\\copy {table} ({columns}) to '{dump.name}'"], check=True)
            b.cluster.sql(f"create table bench_copy as select {columns} from {table} limit 0")
            began = time.monotonic()
            subprocess.run(psql + ["-c", f"\\copy bench_copy from '{dump.name}'"], check=True)
            seconds += time.monotonic() - began
            b.cluster.sql("drop table bench_copy")
        finally:
            os.unlink(dump.name)
    return seconds


def bench_sync(b, devices, latency=0):
    sim = b.start(Sim("--seed", "3", "--ninja-devices", str(devices), "--ninja-orgs", "20", "--tactical-agents", "1",
                      "--tactical-clients", "1", "--latency", str(latency)))
    hub, api = b.hub()
    name = f"ninjaone:bench{devices}x{latency}"
    ok(api.post(f"/api/v1/integrations/{name}/configure",
                {"settings": {"base_url": sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}}))
    statements, calls = metric(api, "msphub_db_statements_total"), metric(api, "msphub_provider_calls_total")
    run = run_sync(api, name)
    assert run["status"] == "success", run
    took = seconds_of(b, run)
    calls = metric(api, "msphub_provider_calls_total") - calls
    statements = metric(api, "msphub_db_statements_total") - statements
    label = f"sync of {devices:,} devices" + (f", {latency} ms a call" if latency else "")
    if latency:
        floor = calls / 4 * latency / 1000
        b.row(label, f"{took:.2f} s", f"{calls:.0f} calls / 4 × {latency} ms = {floor:.2f} s", took / floor)
    else:
        copied = copy_ceiling(b)
        b.row(label, f"{took:.2f} s", f"COPY of its rows {copied:.2f} s", took / copied)
        b.row("  calls, statements", f"{calls:.0f}, {statements:.0f}")
        again = run_sync(api, name)
        b.row("  again, unchanged", f"{seconds_of(b, again):.2f} s", f"{again['counters']['updated'] + again['counters']['created']} assets written")
    b.row("  peak memory", f"{memory_peak(hub.process):.0f} MB")
    b.row("  longest loop turn", f"{metric(api, 'msphub_loop_turn_longest_seconds') * 1e3:.1f} ms")
    ok(api("DELETE", f"/api/v1/integrations/{name}", headers={"If-Match": "*"}))
    api.close()
    hub.close()
    sim.close()


# --- reads ---

LISTS = ("limit=100", "limit=100&type=printer", "limit=100&agent_status=offline", "limit=100&organization_id={organization}",
         "limit=100&provider=ninjaone", "limit=100&type=server&organization_id={organization}", "limit=100&retired=true",
         "limit=100&last_seen_after=2020-01-01T00:00:00Z", "limit=100&sort=id", "limit=100&q=WS-1", "limit=100&q=nowhere")


def wrk_get(url, key, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {key}", url],
                         check=True, capture_output=True, text=True, env=environment({})).stdout
    assert "Non-2xx" not in out, out
    latency = {p: v for p, v in re.findall(r"^\s+(50|99)%\s+(\S+)", out, re.M)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), latency


def bench_reads(b, devices):
    """A page of 100 assets: alone (latency of one reader) and asked for by 16 readers at once; beside the statement by itself."""
    sim = b.start(Sim("--seed", "3", "--ninja-devices", str(devices), "--ninja-orgs", "20", "--tactical-agents", "1",
                      "--tactical-clients", "1"))
    hub, api = b.hub()
    ok(api.post("/api/v1/integrations/ninjaone:reads/configure",
                {"settings": {"base_url": sim.ninja, "client_id": "sim-ninja-client", "client_secret": "sim-ninja-secret"}}))
    assert run_sync(api, "ninjaone:reads")["status"] == "success"
    sim.close()
    b.cluster.sql("vacuum analyze")
    organization = b.cluster.value("select organization_id from assets where organization_id is not null group by 1 order by count(*) limit 1")
    for query in LISTS:
        url = hub.url + "/api/v1/assets?" + query.format(organization=organization)
        one, latency = wrk_get(url, b.key, 1, SECONDS)
        many, _ = wrk_get(url, b.key, 16, SECONDS)
        b.row(f"{devices:,} devices: {query.replace('{organization}', 'n')}", f"{many:,.0f}/s",
              f"one reader {one:,.0f}/s, p50 {latency['50']}, p99 {latency['99']}")
    ok(api("DELETE", "/api/v1/integrations/ninjaone:reads", headers={"If-Match": "*"}))
    api.close()
    hub.close()


def written(b):
    """What tells of a row of the software tables whether it was written."""
    return b.cluster.value("select md5(string_agg(x, ',')) from (select ctid::text || xmin || xmax as x from asset_software "
                           "union all select ctid::text || xmin || xmax from software_catalog "
                           "union all select ctid::text || xmin || xmax from source_lists) t")


def bench_software(b, devices, items, batch):
    """Lists of devices into PostgreSQL, batch by batch as a run stores them: at first, unchanged, and with one device in ten changed."""
    integration = b.cluster.value("insert into integration_configurations (tenant_id, provider, name, hook, enabled) select tenant_id, "
                                  "'tacticalrmm', 'bench', 'bench-software', false from tenants returning integration_id").split()[0]
    tenant = b.cluster.value("select max(tenant_id) from tenants")
    before = None
    for what, changed in (("first", 0), ("unchanged", 0), ("a tenth of the devices changed", 10)):
        run = b.cluster.value("insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, status, started_at) "
                              f"values ({tenant}, {integration}, 'full', 0, 'bench', 'success', now()) returning run_id").split()[0]
        done = subprocess.run([os.path.join(BUILD, "test/bench/bench-software"), b.cluster.conninfo, tenant, integration, str(devices), str(items),
                               str(batch), str(changed), run], capture_output=True, text=True, check=True)
        seconds = float(done.stdout)
        after = written(b)
        note = "" if what != "unchanged" else "nothing written" if after == before else "ROWS WRITTEN"
        before = after
        b.row(f"software of {devices} devices x {items}, {what}", f"{devices * items / seconds:,.0f} rows/s", note)
    began = time.monotonic()
    b.cluster.sql("create table bench_copy as select * from asset_software limit 0")
    b.cluster.sql("insert into bench_copy select * from asset_software")
    b.row("  insert … select of the same rows, no index", f"{devices * items / (time.monotonic() - began):,.0f} rows/s")
    b.cluster.sql("drop table bench_copy")
    b.cluster.sql(f"delete from integration_configurations where integration_id = {integration}")


def main():
    if ONLY in (None, "webhooks", "reads") and not shutil.which("wrk"):
        sys.exit("bench: wrk is missing; on Debian and Ubuntu: apt install wrk")
    processes.DEADLINE = 900
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    print(f"{os.cpu_count()} cores, {model.group(1) if model else 'unknown'}; load generator, hub and PostgreSQL share them\n")
    print(f"{'':<58} {'msphub':>22} {'ceiling, same run':>30} {'ratio':>7}")
    b = Bench()
    try:
        if ONLY in (None, "webhooks"):
            bench_webhooks(b)
        if ONLY in (None, "sync"):
            for devices in (1000, 10000, 100000):
                bench_sync(b, devices)
            bench_sync(b, 10000, latency=100)
        if ONLY in (None, "software"):
            bench_software(b, 1000, 150, 1000)
        if ONLY in (None, "reads"):
            bench_reads(b, 100000)
    finally:
        b.close()


main()
