#!/usr/bin/env python3
"""The tour that ./quickstart ends with: configures five integrations through the hub's REST API, syncs them, sends
webhooks through the simulator, reads everything back and prints a short summary.

Usage: tour.py HUB_URL API_KEY NINJAONE_URL TACTICAL_URL MSP360_URL SYNCRO_URL JAMF_URL CONTROL_URL STARTED_EPOCH VAR
"""
import datetime
import json
import sys
import threading
import time
import urllib.error
import urllib.request

HUB, KEY, NINJA, TACTICAL, MSP360, SYNCRO, JAMF, CONTROL, STARTED, VAR = sys.argv[1:]

PRODUCTS = (("ninjaone", "NinjaOne"), ("tacticalrmm", "Tactical RMM"), ("msp360", "MSP360"), ("syncro", "Syncro"), ("jamf", "Jamf Pro"))


def call(method, url, body=None, headers=None, also=()):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
    except urllib.error.HTTPError as e:
        problem = e.read().decode(errors="replace")
        if e.code in also:
            return json.loads(problem)
        sys.exit(f"quickstart: {method} {url} answered {e.code}: {problem}")
    return json.loads(text) if text else None


def hub(method, path, body=None, also=(), **headers):
    return call(method, HUB + "/api/v1" + path, body, {"Authorization": "Bearer " + KEY, **headers}, also)


def configure(key, **settings):
    """An integration that is there from the last time takes the simulator's new address; its version does not matter here."""
    path, body = f"/integrations/{key}/configure", {"settings": settings}
    if (hub("POST", path, body, also=(428,)) or {}).get("status") == 428:
        hub("POST", path, body, **{"If-Match": "*"})


def wait(probe, what, seconds=120):
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (seen := probe()):
        if time.monotonic() > end:
            sys.exit(f"quickstart: {what} did not happen within {seconds} s")
        pause.wait(0.05)
    return seen


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def seconds(run):
    return moment(run["finished_at"]) - moment(run["started_at"])


def full_sync(key):
    """A full sync to its end. A new integration is due at once: what that run did is what is shown."""
    answer = hub("POST", f"/integrations/{key}/sync", {"mode": "full"}, also=(409,))

    def ended():
        run = hub("GET", f"/integrations/{key}/runs/{answer['run_id']}")
        return run if run["status"] not in ("queued", "running") else None

    run = wait(ended, f"the end of run {answer['run_id']}")
    if run["status"] != "success":
        sys.exit(f"quickstart: the sync of {key} ended as {run['status']}: {run['error'] or run['notes']}")
    begun = [r for r in hub("GET", f"/integrations/{key}/runs?status=success")["items"]
             if r["mode"] == "full" and moment(r["created_at"]) >= float(STARTED)]
    return begun[-1] if begun else run


def count(path):
    """How many rows a list has, page by page."""
    n, after = 0, ""
    while after is not None:
        page = hub("GET", path + ("&" if "?" in path else "?") + "limit=500" + (f"&after={after}" if after else ""))
        n, after = n + len(page["items"]), page["next"]
    return n


def webhooks(n):
    """The simulator sends n alerts and a rename, as the product would; gives seconds until all of it shows in the hub."""
    hook = hub("GET", "/integrations/ninjaone/webhook")
    headers = {hook["header"]: hook["secret"]}
    call("PUT", CONTROL + "/control/webhooks/ninja",
         {"url": hook["url"], "activities": {"CONDITION": ["*"], "SYSTEM": ["*"]}, "expand": ["device"],
          "headers": [{"name": name, "value": value} for name, value in headers.items()]})
    device = hub("GET", "/assets?provider=ninjaone&limit=1")["items"][0]
    external = hub("GET", f"/assets/{device['id']}")["sources"][0]["external_id"]
    began = time.monotonic()
    name = f"RENAMED-{int(time.time())}"
    burst = call("POST", CONTROL + "/control/webhooks/ninja",
                 {"url": hook["url"], "headers": headers, "event": "alert", "count": n})["id"]
    call("PATCH", f"{CONTROL}/control/ninja/devices/{external}", {"displayName": name})
    wait(lambda: hub("GET", f"/assets/{device['id']}")["name"] == name, "the rename in the inventory")
    renamed = time.monotonic() - began
    wait(lambda: call("GET", f"{CONTROL}/control/bursts/{burst}")["acked"] == n, "the acknowledgement of all messages")
    wait(lambda: not count("/integrations/ninjaone/deliveries?status=pending"), "the alerts")
    return renamed, time.monotonic() - began


def main():
    configure("ninjaone", base_url=NINJA, client_id="sim-ninja-client", client_secret="sim-ninja-secret")
    configure("tacticalrmm", base_url=TACTICAL, api_key="SIMTACTICALKEYFULLACCESS00000001")
    configure("msp360", base_url=MSP360, api_login="sim-msp360-login", api_password='sim-msp360-"pass"word')
    configure("syncro", base_url=SYNCRO, subdomain="northmsp", api_token="simsyncrotokenwithallpermissions0001")
    configure("jamf", base_url=JAMF, auth="api_client", client_id="sim-jamf-client", client_secret="sim-jamf-secret")
    lines = []
    for key, name in PRODUCTS:
        run = full_sync(key)
        kept = count(f"/assets?provider={key}")
        lines.append(f"  {name:<13} {kept:>5} devices in {count(f'/integrations/{key}/organizations'):>2} organizations, "
                     f"full sync {seconds(run):.2f} s ({run['counters']['created']} created, {run['counters']['updated']} updated, {run['counters']['unchanged']} unchanged)")
    lines.append(f"  {'Backups':<13} {count('/backups'):>5} plans, {count('/backups?status=failed')} of them failed")
    lines.append(f"  {'Software':<13} {count('/software'):>5} programs; {count('/people')} people, {count('/groups')} groups, {count('/tickets')} tickets")
    renamed, took = webhooks(50)
    alerts = count("/alerts?state=triggered")
    print("\nStored, as read back through REST:")
    print("\n".join(lines))
    print(f"  {'Webhooks':<13} 50 alert messages applied in {took:.2f} s, a rename upstream seen after {renamed:.2f} s; {alerts} alerts are open")
    print(f"\nAll of it took {time.time() - float(STARTED):.0f} s. Go on with:\n")
    print(f"  export KEY={KEY}")
    print(f"  curl -H \"Authorization: Bearer $KEY\" '{HUB}/api/v1/assets?limit=3'")
    print(f"  curl -H \"Authorization: Bearer $KEY\" '{HUB}/api/v1/integrations/ninjaone/runs'")
    print(f"  curl -H \"Authorization: Bearer $KEY\" '{HUB}/api/v1/audit?limit=3'")
    print(f"  curl {HUB}/metrics            # {HUB}/api/v1/openapi.yaml describes all of it\n")
    print("  Sign in as a person, with the password in var/password:")
    print(f"  curl -c var/cookies -d '{{\"tenant\":\"demo\",\"email\":\"admin@demo.example\",\"password\":\"'$(cat var/password)'\"}}' {HUB}/api/v1/session\n")
    print(f"  hub {HUB}   simulator's control {CONTROL}   logs {VAR}/log")
    print("  ./quickstart stop ends what was started here.")


main()
