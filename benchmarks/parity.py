"""Play a whole real day into a server with several workers and Redis, kill it in the middle, and compare every answer with the offline one.

    python benchmarks/parity.py [--day 2013-07-08] [--workers 2] [--no-redis] [--no-kill] [--home FOLDER]

In a home of its own with the model and the tables of the other. What became known on the day is sent to `/events` in its order, and each flight is
asked about two hours before its departure. Every request has a connection of its own, so that a question may reach another worker than the
event before it. At noon of the day's questions the server and its workers are killed with `kill -9`, and another goes on with the store that
is left. Needs `redis-server` (Debian), which is started on a free port. Ends with exit code 1 where an answer differs or an event is lost.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from flight_delay.core.config import settings
from flight_delay.serving.client import Client, ServiceError
from flight_delay.serving.replay import compare, events_between, play, questions_of_day
from flight_delay.sources import store


def free_port() -> int:
    "A port that nobody listens on."
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    "The address of a Redis server of our own."
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}"
        server.terminate()


def serve(environment: dict[str, str], workers: int, day: date) -> tuple[subprocess.Popen, Client]:
    "A server whose workers are all ready, in a session of its own."
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "flight_delay.cli",
        "serve",
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--until",
        str(day),
    ]
    began, log = time.perf_counter(), subprocess.PIPE
    server = subprocess.Popen(command, env=os.environ | environment, stderr=log, start_new_session=True, text=True)
    for _ in range(workers):
        next(line for line in server.stderr if "Application startup complete" in line)
    subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)  # what else it says
    client = Client(f"http://127.0.0.1:{port}")
    client._http.headers["connection"] = "close"
    for _ in range(300):
        try:
            client.ready()
            break
        except ServiceError:
            time.sleep(0.1)
    print(f"ready after {time.perf_counter() - began:.1f} s", flush=True)
    return server, client


def end(server: subprocess.Popen, client: Client, how: signal.Signals) -> None:
    "End a server and its workers."
    client.close()
    os.killpg(server.pid, how) if how == signal.SIGKILL else server.send_signal(how)
    server.wait(30)


def main() -> None:
    "Play, and compare."
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--day", type=date.fromisoformat, default=date(2013, 7, 8))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--redis", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--kill", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--settle", type=float, help="seconds from an event to a question; default: 0.1 with Redis, else 0.5")
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        shutil.copytree(chosen.home, home, ignore=shutil.ignore_patterns("store", "*.lock"), copy_function=os.link)
        if not chosen.redis:
            sys.exit(not measure(chosen, home, {}))
        with redis(Path(name)) as address:
            held = measure(chosen, home, {"FLIGHT_DELAY_EVENTS_URL": address})
        sys.exit(not held)


def measure(chosen: argparse.Namespace, home: Path, environment: dict[str, str]) -> bool:
    "Whether every answer is the offline prediction, and no event was lost."
    config, start = settings(home=home), datetime(chosen.day.year, chosen.day.month, chosen.day.day, tzinfo=UTC)
    tables = store.latest(config.source, config)
    questions, events = questions_of_day(tables, chosen.day), events_between(tables, start, start + timedelta(days=1))
    noon = questions["as_of"][questions.height // 2]
    settle = chosen.settle if chosen.settle is not None else 0.1 if chosen.redis else 0.5
    settle = settle if chosen.workers > 1 else 0
    server, client = serve(environment | {"FLIGHT_DELAY_HOME": str(home)}, chosen.workers, chosen.day)
    morning = play(
        client, [one for one in events if one["known_at"] <= noon], questions.filter(pl.col("as_of") <= noon), settle=settle
    )
    if chosen.kill:
        end(server, client, signal.SIGKILL)
        server, client = serve(environment | {"FLIGHT_DELAY_HOME": str(home)}, chosen.workers, chosen.day)
        again = client.events([one for one in events if one["known_at"] <= noon][-5000:])
        print(
            f"killed; of the events that were accepted before {again['known']:,} are known and {again['accepted']:,} were lost",
            flush=True,
        )
    rest = play(
        client, [one for one in events if one["known_at"] > noon], questions.filter(pl.col("as_of") > noon), settle=settle
    )
    end(server, client, signal.SIGTERM)
    rest.answers |= morning.answers
    for status, count in morning.events.items():
        rest.events[status] = rest.events.get(status, 0) + count
    whole = compare(rest, questions, tables, config)
    print(whole)
    lost = chosen.kill and again["accepted"]
    return whole.equal == whole.answers == questions.height and not lost and not whole.events["refused"]


if __name__ == "__main__":
    main()
