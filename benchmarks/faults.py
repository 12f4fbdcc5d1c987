"""What a running service says and keeps while something that it needs goes away and comes back, under load.

    python benchmarks/faults.py [--home FOLDER] [--only disk,clock,redis,postgres,switch]

Each fault has a server of its own over a copy of the home. Two callers ask all the time, one more sends events, and a line says what each got: before
the fault, during it, and after it. Every event that was accepted must be in the store at the end, and every answer must be the one that
was given before. Needs, each for its fault: root (a small disk), `faketime`, `redis-server`, `postgresql` (Debian).
"""

import argparse
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from flight_delay.core.config import settings
from flight_delay.models import registry
from flight_delay.serving.schema import events_table, open_engine, store_url

QUERY = {"route": "JFK-LAX", "airline": "AA", "departure_time": "2013-11-15T14:30:00", "as_of": "2013-11-15T12:00Z"}


def free_port() -> int:
    "A port that nobody listens on."
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def ask(url: str, body: object = None) -> tuple[int | str, dict]:
    "Status and answer; the error's name where there is none."
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, content, {"content-type": "application/json"}), timeout=40
        ) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError as error:
        return type(error).__name__, {}


class Service:
    "A server under load."

    def __init__(self, home: Path, **environment: str):
        self.home, self.url, self.over = home, f"http://127.0.0.1:{(port := free_port())}", threading.Event()
        places = {"FLIGHT_DELAY_HOME": str(home), "FLIGHT_DELAY_PORT": str(port)} | environment
        self.log = (home / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flight_delay.cli", "serve"], env=os.environ | places, stderr=self.log
        )
        while ask(f"{self.url}/ready")[0] != 200:
            if self.process.poll() is not None:
                raise SystemExit((home / "log").read_text())
            time.sleep(0.2)
        self.usual = ask(f"{self.url}/predict", QUERY)[1]["delay_minutes"]
        self.seen: Counter[str] = Counter()
        self.slowest, self.accepted, self.n = 0.0, 0, 0
        self.threads = [threading.Thread(target=work) for work in (self._ask, self._ask, self._tell)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        while not self.over.is_set():
            began = time.perf_counter()
            status, answer = ask(f"{self.url}/predict", QUERY)
            self.slowest = max(self.slowest, time.perf_counter() - began)
            self.seen[f"predict {status}"] += 1
            self.seen["WRONG ANSWER"] += status == 200 and answer["delay_minutes"] != self.usual
            time.sleep(0.005)

    def _tell(self) -> None:
        while not self.over.is_set():
            at = datetime(2014, 1, 2, tzinfo=UTC) + timedelta(seconds=self.n)
            self.n += 10
            reports = [
                {"kind": "weather", "airport": "JFK", "condition": "clear", "observed_at": moment, "known_at": moment}
                for moment in ((at + timedelta(seconds=second)).isoformat() for second in range(10))
            ]
            status, answer = ask(f"{self.url}/events", reports)
            self.seen[f"events {status}"] += 1
            self.accepted += answer.get("accepted", 0) if status == 200 else 0
            time.sleep(0.02)

    def say(self, when: str) -> None:
        "What the callers got since the last time, and what /ready says."
        status, ready = ask(f"{self.url}/ready")
        said = ready.get("detail") or " ".join(filter(None, (ready.get("store"), ready.get("warning"))))
        seen, self.seen = self.seen, Counter()
        counts = ", ".join(f"{name}: {count:,}" for name, count in sorted((+seen).items()))
        print(f"  {when}: {counts}; slowest question {self.slowest:.2f} s; /ready {status}: {said}", flush=True)
        self.slowest = 0.0

    def end(self, **environment: str) -> None:
        "End in order, and look whether every accepted event is there."
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.process.terminate()
        code = self.process.wait(300)  # it keeps its state, which takes long on a busy machine
        given = {name.removeprefix("FLIGHT_DELAY_").lower(): value for name, value in environment.items() if "STORE" in name}
        with open_engine(store_url(settings(home=self.home, **given))).connect() as connection:
            kept = connection.scalar(sa.select(sa.func.count()).select_from(events_table))
        print(
            f"  end: exit code {code}; {self.accepted:,} events accepted, {kept:,} kept: {'NONE LOST' if kept >= self.accepted else 'LOST'}\n",
            flush=True,
        )


def disk(home: Path) -> None:
    "The store's disk is full, and has room again."
    place = home.parent / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], check=True)
    try:
        environment = {"FLIGHT_DELAY_STORE_URL": f"sqlite:///{place}/store.db"}
        service = Service(home, **environment)
        time.sleep(4)
        service.say("before")
        with (place / "filler").open("wb") as filler:
            try:
                while True:
                    filler.write(bytes(65_536))
                    filler.flush()
            except OSError:
                pass
        time.sleep(6)
        service.say("full")
        (place / "filler").unlink()
        time.sleep(6)
        service.seen.clear()
        time.sleep(3)
        service.say("room again")
        service.end(**environment)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def clock(home: Path) -> None:
    "The clock is set back an hour."
    [library] = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    told = home.parent / "faketime"
    told.write_text("+0")
    fake = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(told), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    service = Service(home, **fake)
    time.sleep(4)
    service.say("before")
    told.write_text("-3600")
    time.sleep(6)
    service.say("an hour back")
    told.write_text("+0")
    time.sleep(4)
    service.say("right again")
    service.end()


def redis(home: Path) -> None:
    "Redis, through which workers hear of events and count requests, is gone and back."
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", str(home.parent)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    address = f"redis://127.0.0.1:{port}"
    environment = {"FLIGHT_DELAY_EVENTS_URL": address, "FLIGHT_DELAY_LIMITS_URL": address}
    service = Service(home, **environment)

    def go() -> None:
        server.kill()
        server.wait()

    def come() -> None:
        nonlocal server
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    gone_and_back(service, go, come)
    service.end()
    server.terminate()


def gone_and_back(service: Service, go: Callable[[], None], come: Callable[[], None]) -> None:
    "Before, without, and with it again."
    time.sleep(4)
    service.say("before")
    go()
    time.sleep(6)
    service.say("gone")
    come()
    time.sleep(6)
    service.seen.clear()
    time.sleep(4)
    service.say("back")


def postgres(home: Path) -> None:
    "PostgreSQL, where the store is, is gone and back."
    programs, folder, port = (
        Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]),
        Path(tempfile.mkdtemp(dir="/tmp")),
        free_port(),
    )
    as_root = os.geteuid() == 0
    if as_root:
        shutil.chown(folder, "postgres")

    def call(program: str, *words: str) -> None:
        user = ["runuser", "-u", "postgres", "--"] if as_root else []
        subprocess.run(
            [*user, programs / program, "-D", folder / "data", *words],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def come() -> None:
        call("pg_ctl", "-w", "-o", f"-p {port} -k {folder} -h 127.0.0.1", "start")

    call("initdb", "-U", "api", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
    come()
    environment = {"FLIGHT_DELAY_STORE_URL": f"postgresql://api@127.0.0.1:{port}/postgres"}
    try:
        service = Service(home, **environment)
        gone_and_back(service, lambda: call("pg_ctl", "-w", "-m", "immediate", "stop"), come)
        service.end(**environment)
    finally:
        call("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def switch(home: Path) -> None:
    "The alias moves, again and again."
    config = settings(home=home)
    first = registry.version_of("champion", config)
    second = registry.register(registry.load(first, config), config)
    service = Service(home)
    time.sleep(3)
    service.say("before")
    for number in range(8):
        registry.set_alias("champion", (second, first)[number % 2], "switch", config)
        time.sleep(1.5)
    service.say("8 moves")
    service.end()


def main() -> None:
    "One fault after the other."
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    faults = {fault.__name__: fault for fault in (disk, clock, redis, postgres, switch)}
    parser.add_argument("--only", default=",".join(faults))
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    for name in chosen.only.split(","):
        print(f"{name}: {faults[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            shutil.copytree(
                chosen.home, home, ignore=shutil.ignore_patterns("store", "*.lock", "history.jsonl"), copy_function=os.link
            )
            shutil.copy(chosen.home / "registry" / "history.jsonl", home / "registry")
            faults[name](home)


if __name__ == "__main__":
    main()
