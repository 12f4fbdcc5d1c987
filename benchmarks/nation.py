"""Features of a nation: one month, twelve, thirty-six and twenty million flights, slice by slice; Spark beside a single process.

    python benchmarks/nation.py SOURCE [--months 12 36 39] [--days 31] [--spark] [--work FOLDER]

SOURCE is one month of flights: whatever `sources.load` reads, or a folder of canonical parquet files. It is repeated with shifted dates
and varied (a copy loses some flights, and its delays are others). The longest span is built in one process, slice by slice; what the shorter ones
took is read off on the way, since a slice never looks ahead of the two days after it. Processor seconds are given beside the clock's, which other
work on the machine lengthens. `--spark` builds the month on `local[2]`, too, and holds its rows against those of the single process.

Measured on December 2021 on two busy cores; the clock's seconds are those of a machine that did much else:

    the month                    535,428 rows    89 s (15 s of processor), peak 1.79 GB
    12 months                  6,262,521 rows  1230 s (197 s), peak 3.98 GB; per row 1.09 times the month's by processor, 1.18 by the clock
    36 months                 18,799,378 rows  2868 s (570 s), peak 4.77 GB; 1.06 and 0.92 times
    20 million flights        20,385,442 rows  3097 s (622 s), peak 4.77 GB; 1.06 and 0.91 times
    the month, Spark, 8 days     535,428 rows   443 s (82 s), a task's peak 1.16 GB, Java's 1.11 GB; bit for bit the same
    the month, Spark, 11 days    535,428 rows   292 s (71 s), a task's peak 1.22 GB, Java's 1.21 GB; bit for bit the same

Since then a slice's features are let go before the next is built, and freed memory goes back to the system. With a training run beside it:

    3 months                   1,561,207 rows    97 s (46 s of processor), peak 2.75 GB; .99 times by processor
    12 months                  6,262,521 rows   234 s (209 s), peak 2.86 GB; 1.13 times by processor

The month alone took 14 s by the clock while nothing else ran, at a peak of 1.77 GB: it has no month before it. What a slice needs of long ago does
not grow (50,000 flights, 6 MB, from the third month to the 24th).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import polars as pl

from flight_delay.features import slices
from flight_delay.sources.store import load
from flight_delay.sources.tables import SCHEMAS, Tables, actual_times, flight_id

SMALL = ("aircraft", "airports", "carriers", "set_aside")


def month_of(source: str) -> Tables:
    "One month, in memory."
    folder, names = Path(source), (*SCHEMAS, "set_aside")
    if all((folder / f"{name}.parquet").exists() for name in names):
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


def used() -> dict:
    "What this process has taken so far."
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": own.ru_utime + own.ru_stime, "peak_gb": own.ru_maxrss / 1e6}


def measured(work: Path, months: int, days: int) -> None:
    "Build the features at two hours, and print after each slice what it took until then."
    tables, began, rows = scans(work, months), time.perf_counter(), 0
    build_slice = slices.build_span

    def counted(*given: object) -> pl.DataFrame:
        nonlocal rows
        features = build_slice(*given)
        rows += features.height
        print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began} | used()), flush=True)
        return features

    slices.build_span = counted
    slices.build_to(tables, "two_hours", work / f"features-{months}", days)
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began} | used()), flush=True)


def processes_below() -> dict[int, str]:  # process -> its program
    "The processes that this one has started, and those that they have."
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            before, _, after = stat.read_text().rpartition(")")
            found[int(stat.parent.name)] = (before.partition("(")[2], int(after.split()[1]))
    below, more = {os.getpid(): ""}, True
    while more:
        more = {child: program for child, (program, parent) in found.items() if parent in below and child not in below}
        below |= more
    return {child: program for child, program in below.items() if program}


def watch(taken: dict[int, tuple[str, float, float]], done: Event) -> None:  # process -> program, processor seconds, peak in GB
    "Note what the processes below this one take, until it is done."
    while not done.wait(0.3):
        for child, program in processes_below().items():
            with suppress(OSError, ValueError):
                times = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
                lines = Path(f"/proc/{child}/status").read_text().splitlines()
                peak = max(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                taken[child] = program, sum(map(int, times)) / os.sysconf("SC_CLK_TCK"), peak / 1e6


def on_spark(work: Path, days: int) -> None:
    "Build the month's features at two hours on Spark, and print what it took."
    from flight_delay.features import spark

    taken, done, began = {}, Event(), time.perf_counter()
    watcher = Thread(target=watch, args=(taken, done))
    watcher.start()
    try:
        built = spark.write_on_spark(spark.spark_session("local[2]"), scans(work, 1), "two_hours", work / f"spark-{days}", days)
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - began
    own = used()
    peaks = {
        kind: max((peak for program, _, peak in taken.values() if kind in program), default=0) for kind in ("python", "java")
    }
    cpu = own["cpu"] + sum(cpu for _, cpu, _ in taken.values())
    figures = {"cpu": cpu, "peak_gb": own["peak_gb"], "largest_child_gb": peaks["python"], "java_gb": peaks["java"]}
    print(json.dumps({"rows": slices.read_manifest(built)["rows"], "seconds": seconds} | figures), flush=True)


def alone(*words: object) -> Iterator[dict]:
    "The figures that a measurement prints in a process of its own."
    command = [sys.executable, __file__, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield from map(json.loads, process.stdout)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")


def told(name: str, figures: dict, one: dict) -> str:
    "A line of figures; the time as a multiple of the month's, per flight."
    per_row = figures["cpu"] / figures["rows"] / (one["cpu"] / one["rows"])
    clock = figures["seconds"] / figures["rows"] / (one["seconds"] / one["rows"])
    spark = "java_gb" in figures
    below = f", a task's {figures['largest_child_gb']:.2f} GB, Java's {figures['java_gb']:.2f} GB" if spark else ""
    return (
        f"{name:22} {figures['rows']:11,} rows {figures['seconds']:7.0f} s ({figures['cpu']:6.0f} s of processor)  "
        f"peak {figures['peak_gb']:.2f} GB{below}  "
        f"per row {clock:.2f} times the month's by the clock, {per_row:.2f} by processor"
    )


def same_rows(one: Path, other: Path) -> str:
    "Whether two feature tables hold the same rows, bit for bit."
    first, second = (slices.read_features(path).collect().sort(slices.QUERY_COLUMNS) for path in (one, other))
    return f"{first.height:,} rows of {second.height:,} in the other, bit for bit {'the same' if first.equals(second) else 'DIFFERENT'}"


def main() -> None:
    "Measure everything, print ratios."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--months", type=int, nargs="+", default=[12, 36, 39], help="39 are twenty million flights")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=given.work) as folder:
        work = Path(folder) / "months"
        make(given.source, max(given.months), work)
        *_, one = alone("measure", work, 1, given.days)
        print(told("the month", one, one), flush=True)
        for days in (8, 11) if given.spark else ():
            *_, found = alone("spark", work, days)
            print(told(f"the month, Spark, {days} days", found, one), flush=True)
            print(f"    {same_rows(work / 'features-1', work / f'spark-{days}')}", flush=True)
        if max(given.months) > 1:
            for count, found in enumerate(alone("measure", work, max(given.months), given.days), start=1):
                if count * given.days / 31 in given.months:
                    print(told(f"{count * given.days // 31} months", found, one), flush=True)
            print(told("all, written", found, one), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measured(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["spark"]:
        on_spark(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
