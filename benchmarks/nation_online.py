"""A nation in the live state: its flights arrive as events, day by day; speed, memory, questions, snapshots.

    python benchmarks/nation_online.py SOURCE [--days 30] [--profile]

SOURCE is a month of flights: whatever `sources.load` reads, or a folder of canonical parquet files. The state starts without any flight. Each day's
schedule is announced in one go at noon (UTC) of the day before, and what happens follows at the instant at which it became known. Beyond its end
the month begins anew with shifted dates. Times are processor seconds, since other work on the machine lengthens the clock's; making the events
is not counted. The last column holds each day's rate as a ratio to the first's. On December 2021:
30 days, 2,053,992 events, 3,400 to 4,700 a second on each day, the thirtieth 1.14 times as many as the first; 1.16 GB, 1.68 GB at most, while
a day is packed, which keeps one event waiting for 2 to 4 s; a question 1.6 ms, of a hundred the slowest 2.5 ms. A snapshot takes 35 s, 826 MB on
disk and 3.6 GB of memory at most, to start from it 73 s (two cores that ran the tests beside). Under the profiler the first day
takes 2,860 events a second, and took 740 before rows were worked in together.
"""

import argparse
import cProfile
import pstats
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from nation import month_of

from flight_delay.online.state import State
from flight_delay.sources.tables import Tables, actual_times, flight_id

DAY = timedelta(days=1)
TOLD = {"departed": "departure_delay", "took_off": "taxi_out", "arrived": "arrival_delay"}


def resident_mb(name: str = "VmRSS") -> float:
    "Memory of this process, now or at most."
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1e3


def shifted(flights: pl.DataFrame, days: int) -> pl.DataFrame:
    "The flights so many days later."
    if not days:
        return flights
    times = pl.col("scheduled_departure", "scheduled_arrival") + timedelta(days=days)
    return flights.with_columns(times).with_columns(flight_id().alias("flight_id"), *actual_times())


def first_day(tables: Tables) -> datetime:
    "The first whole day; that of the airports furthest east has begun before."
    return tables.flights["scheduled_departure"].min().replace(hour=0, minute=0) + DAY


def day_of(tables: Tables, first: datetime, day: int) -> pl.DataFrame:  # the schedule of a day
    "The flights that are to leave on a day; the month begins anew after its last."
    flights, days = tables.flights, (tables.flights["scheduled_departure"].max() - first) // DAY
    start = first + DAY * (day % days)
    near = pl.col("scheduled_departure").is_between(start, start + DAY, closed="left")
    return shifted(flights.filter(near), day // days * days)


def announcements(flights: pl.DataFrame, known_at: datetime) -> Iterator[dict]:
    "A day's schedule."
    names = ("carrier", "flight_number", "origin", "dest", "scheduled_departure", "scheduled_arrival")
    for flight in flights.select(*names, "tail_number", "distance_mi").iter_rows(named=True):
        yield {"kind": "scheduled", "known_at": known_at, **{name: said for name, said in flight.items() if said is not None}}


def happened(flights: pl.DataFrame) -> list[dict]:
    "What becomes known of flights."
    off = pl.col("actual_departure") + pl.duration(milliseconds=pl.col("taxi_out") * 60_000)
    over = pl.max_horizontal("actual_departure", "scheduled_arrival")
    at = {"departed": pl.col("actual_departure"), "took_off": off, "arrived": pl.col("actual_arrival")}
    at |= {
        "cancelled": pl.when("cancelled").then(pl.coalesce("actual_departure", "scheduled_departure")),
        "diverted": pl.when("diverted").then(over),
    }
    parts = []
    for kind, known_at in at.items():
        said = pl.col(TOLD[kind]) if kind in TOLD else pl.lit(1.0)
        one = flights.select("flight_id", pl.lit(kind).alias("kind"), known_at.alias("known_at"), said.alias("said"))
        parts.append(one.drop_nulls())
    return [
        {"kind": kind, "flight_id": name, "known_at": known_at, TOLD.get(kind, kind): said if kind in TOLD else True}
        for name, kind, known_at, said in pl.concat(parts).iter_rows()
    ]


def days_of(tables: Tables, days: int) -> Iterator[list[dict]]:
    "Each day's events, in the order in which they became known."
    first = first_day(tables)
    waiting = list(announcements(day_of(tables, first, 0), first - DAY / 2))
    for day in range(days):
        start, flights = first + DAY * day, day_of(tables, first, day)
        waiting += announcements(day_of(tables, first, day + 1), start + DAY / 2)
        waiting += happened(flights)
        waiting.sort(key=lambda event: event["known_at"])
        now = [event for event in waiting if event["known_at"] < start + DAY]
        waiting = waiting[len(now) :]
        yield now


def asked(
    state: State, flights: pl.DataFrame, now: datetime, times: int = 300
) -> list[float]:  # milliseconds of processor time
    "What questions cost about the flights that leave next, twenty minutes from now or later."
    next_ones = flights.filter(pl.col("scheduled_departure") >= now + DAY / 72).sort("scheduled_departure").head(times)
    took = []
    for name in random.Random(0).choices(next_ones["flight_id"].to_list(), k=times):
        began = time.process_time()
        state.rows([state.query(name, now)])
        took.append((time.process_time() - began) * 1e3)
    return took


def replay(state: State, tables: Tables, days: int) -> None:
    "Let the days arrive, and say of each what it took."
    total, first_rate = 0, None
    for number, events in enumerate(days_of(tables, days)):
        slowest, began = 0.0, time.process_time()
        clock = time.perf_counter()
        for event in events:
            state.observe(event)
            now = time.perf_counter()
            slowest, clock = max(slowest, now - clock), now
        rate = len(events) / (time.process_time() - began)
        first_rate, total = first_rate or rate, total + len(events)
        took = asked(state, day_of(tables, first_day(tables), number + 1), events[-1]["known_at"])
        p50, p99 = np.percentile(took, (50, 99))
        print(
            f"day {number + 1:2} {total:9,} events {rate:6,.0f}/s, the slowest {slowest * 1e3:5.0f} ms  {resident_mb():5,.0f} MB, "
            f"{resident_mb('VmHWM'):5,.0f} at most  a question p50 {p50:.2f} ms, p99 {p99:.2f} ms  rate {rate / first_rate:.2f}",
            flush=True,
        )


def kept(state: State) -> None:
    "What a snapshot takes, and to start from it."
    with TemporaryDirectory() as name:
        folder = Path(name) / "kept"
        began = time.process_time()
        state.snapshot(folder)
        took = time.process_time() - began
        size = sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file()) / 1e6
        print(f"snapshot {took:.1f} s, {size:,.0f} MB; {resident_mb('VmHWM'):,.0f} MB at most", flush=True)
        began = time.process_time()
        State.restore(folder)
        print(f"restored in {time.process_time() - began:.1f} s", flush=True)


def main() -> None:
    "Replay, and say what it took."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    given = parser.parse_args()
    tables = month_of(given.source)
    state = State(replace(tables, flights=tables.flights.head(0), weather=tables.weather.head(0)))
    print(f"before any event {resident_mb():,.0f} MB", flush=True)
    profile = cProfile.Profile()
    if given.profile:
        profile.enable()
    replay(state, tables, given.days)
    if given.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    kept(state)


if __name__ == "__main__":
    main()
