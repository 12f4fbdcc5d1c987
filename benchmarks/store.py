"""What the store costs an answer, and how many events it takes in.

    .venv/bin/python benchmarks/store.py [--url postgresql://USER@HOST/DATABASE] [--predictions 50000] [--events 20000]

Prints microseconds that `log_prediction` keeps its caller, microseconds of processor time per prediction with all that the
thread does for it, and events per second: in lists of 100, one at a time, and one at a time from 32 callers at once. A raw row
in a table of one column, committed in the same way (SQLite, synchronous=FULL), stands beside it: the disk's own speed.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from flight_delay.core.config import settings
from flight_delay.serving.store import Store

ANSWER = b'{"status": "ok", "delay_minutes": 3.5, "features_used": [' + b", ".join([b'"a_feature_of_the_model"'] * 100) + b"]}"
QUERY = {"route": "JFK-LAX", "airline": "AA", "departure_time": "2013-11-15T14:30:00Z"}
DIGEST = "5e1f" * 16


def log_predictions(store: Store, n: int) -> tuple[float, float]:  # microseconds: of the caller, of the processor
    "Log in bursts with pauses, as requests come; the pauses are not counted."
    caller = 0.0
    processor, now = time.process_time(), datetime.now(UTC)
    for burst in range(n // 500):
        names = [f"{burst}-{i}" for i in range(500)]
        started = time.perf_counter()
        for name in names:
            store.log_prediction(name, now, now, QUERY, ANSWER, "20131115T1930_AA1_JFK-LAX", "v1", DIGEST)
        caller += time.perf_counter() - started
        time.sleep(0.1)
    store.flush()
    return caller / n * 1e6, (time.process_time() - processor) / n * 1e6


def per_second(work: Callable[[int], object], calls: int, events: int, callers: int = 1) -> float:
    "Events per second of so many calls."
    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(work, range(calls)))
    return events / (time.perf_counter() - started)


def event(kind: str, n: int) -> dict[str, object]:
    return {"kind": "arrived", "flight_id": f"{kind}-{n}", "arrival_delay": 1.0, "known_at": datetime.now(UTC)}


def raw_commits(folder: Path, n: int) -> float:
    "Rows per second, each committed to the disk."
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE raw (x)")
    started = time.perf_counter()
    for i in range(n):
        connection.execute("INSERT INTO raw VALUES (?)", [i])
    return n / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--predictions", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    singles = arguments.events // 10
    with tempfile.TemporaryDirectory() as folder, Store(settings(home=Path(folder), store_url=arguments.url)) as store:
        caller, processor = log_predictions(store, arguments.predictions)
        print(f"log_prediction          {caller:8.2f} us of the caller, {processor:.1f} us of the processor")
        hundreds = arguments.events // 100
        rate = per_second(lambda i: store.add_events([event(f"h{i}", n) for n in range(100)]), hundreds, hundreds * 100)
        print(f"events, lists of 100    {rate:8.0f} a second")
        rate = per_second(lambda i: store.add_events([event("s", i)]), singles, singles)
        print(f"events, one at a time   {rate:8.0f} a second")
        rate = per_second(lambda i: store.add_events([event("c", i)]), singles, singles, callers=32)
        print(f"events, 32 callers      {rate:8.0f} a second")
        print(f"raw commits, SQLite     {raw_commits(Path(folder), singles):8.0f} a second")


if __name__ == "__main__":
    main()
