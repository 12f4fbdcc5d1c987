"""Features of a nation: one month, twelve, thirty-six and twenty million flights, slice by slice; Spark beside a single process.

    python benchmarks/nation.py SOURCE [--months 1 12 36] [--days 30] [--spark] [--work FOLDER]

SOURCE is one month of flights: whatever `sources.load` reads, or a folder of canonical parquet files. It is repeated with shifted dates
and varied (a copy loses some flights, and its delays are others). Ratios come from one run. Each measurement runs in a process of its own,
so that its peak memory is its own; processor seconds are given beside the clock's, which other work on the machine lengthens.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from flight_delay.features.slices import build_to, read_manifest
from flight_delay.sources.store import load
from flight_delay.sources.tables import SCHEMAS, Tables, actual_times, flight_id

SMALL = ("aircraft", "airports", "carriers", "set_aside")


def month_of(source: str) -> Tables:
    "One month, in memory."
    folder = Path(source)
    if (folder / "flights.parquet").exists():
        names = (*SCHEMAS, "set_aside")
        return Tables(
            **{name: pl.read_parquet(folder / f"{name}.parquet") for name in names}, source=folder.name, digest="month"
        )
    return load(source)


def varied(flights: pl.DataFrame, copy: int) -> pl.DataFrame:
    "The month so many months later; some of its flights are missing, and the delays are others."
    if copy:
        days, noise = timedelta(days=31 * copy), (pl.int_range(pl.len()) * 7919 * copy % 23 - 8).cast(pl.Float64)
        flights = flights.filter(pl.int_range(pl.len()) % 41 != copy % 41).with_columns(
            pl.col("scheduled_departure", "scheduled_arrival") + days,
            *(pl.col(name) + noise for name in ("departure_delay", "arrival_delay")),
        )
    flights = flights.with_columns(flight_id().alias("flight_id"), *actual_times())
    lands_late = (pl.col("actual_arrival") > pl.col("actual_departure")).fill_null(True)
    return flights.filter(lands_late).sort("scheduled_departure", "flight_id")


def make(source: str, months: int, work: Path) -> None:
    "Files of so many months."
    month = month_of(source)
    work.mkdir(parents=True)
    for name in SMALL:
        getattr(month, name).write_parquet(work / f"{name}.parquet")
    month.weather.write_parquet(work / "weather.parquet")
    for copy in range(months):
        varied(month.flights, copy).write_parquet(work / f"flights-{copy:03}.parquet", compression="zstd")


def scans(work: Path, months: int) -> Tables:
    "The first months of the files, read as they are needed."
    small = {name: pl.read_parquet(work / f"{name}.parquet") for name in SMALL}
    flights = pl.scan_parquet([work / f"flights-{copy:03}.parquet" for copy in range(months)])
    weather = pl.scan_parquet(work / "weather.parquet")
    return Tables(flights=flights, weather=weather, **small, source="months", digest="months")


def measured(work: Path, months: int, days: int, engine: str) -> dict:
    "Build the features at two hours, and say what it took."
    tables = scans(work, months)
    with TemporaryDirectory(dir=work) as folder:
        began = time.perf_counter()
        if engine == "spark":
            from flight_delay.features import spark

            built = spark.write_on_spark(spark.spark_session("local[2]"), tables, "two_hours", Path(folder) / "features", days)
        else:
            built = build_to(tables, "two_hours", Path(folder) / "features", days)
        seconds = time.perf_counter() - began
        rows = read_manifest(built)["rows"]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(use.ru_utime + use.ru_stime for use in used)
    peaks = [use.ru_maxrss / 1e6 for use in used]
    return {"rows": rows, "seconds": seconds, "cpu": cpu, "peak_gb": peaks[0], "largest_child_gb": peaks[1]}


def alone(*words: object) -> dict:
    "A measurement in a process of its own."
    command = [sys.executable, __file__, *map(str, words)]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def told(name: str, figures: dict, one: dict) -> str:
    "A line of figures; the time as a multiple of the month's, per flight."
    per_row = figures["cpu"] / figures["rows"] / (one["cpu"] / one["rows"])
    clock = figures["seconds"] / figures["rows"] / (one["seconds"] / one["rows"])
    return (
        f"{name:18} {figures['rows']:11,} rows {figures['seconds']:7.0f} s ({figures['cpu']:6.0f} s of processor)  "
        f"peak {figures['peak_gb']:.2f} GB, child {figures['largest_child_gb']:.2f} GB  "
        f"per row {clock:.2f} times the month's by the clock, {per_row:.2f} by processor"
    )


def main() -> None:
    "Measure everything, print ratios."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--months", type=int, nargs="+", default=[1, 12, 36, 39], help="39 are twenty million flights")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.work) as folder:
        work = Path(folder) / "months"
        make(given.source, max(given.months), work)
        one = alone("measure", work, 1, given.days, "local")
        print(told("the month", one, one), flush=True)
        if given.spark:
            print(told("the month, Spark", alone("measure", work, 1, 8, "spark"), one), flush=True)
        for months in (count for count in given.months if count > 1):
            print(told(f"{months} months", alone("measure", work, months, given.days, "local"), one), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measured(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])))
    else:
        main()
