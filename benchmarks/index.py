"""How long the index of a thousand runs takes, what it weighs, and how long a browser needs to have filtered it.

    python benchmarks/index.py [--runs 1000]

Runs are made up in a folder of their own: four jobs, five tiles each, a reason or a sentence; every tenth failed.
"""

import argparse
import re
import resource
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flight_delay.core.config import settings
from flight_delay.runs.history import Run, run_record, runs
from flight_delay.runs.overview import write_index

METRICS = ("two_hours_mae", "two_hours_auc_15", "two_hours_brier_15", "two_hours_coverage_80", "two_hours_r2")


def made_up(number: int) -> Run:
    "A run as the runner leaves it."
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=6 * number)
    metrics = dict.fromkeys(METRICS, 0.5 + number % 7 / 100)
    failed = number % 10 == 0
    return Run(
        ("train", "monitor", "backtest", "tune")[number % 4],
        f"{at:%Y%m%dT%H%M%SZ}-{number:06x}",
        at.isoformat(timespec="seconds"),
        verdict="fail" if failed else "ok",
        failure="raised" if failed else None,
        reasons=["a cell raised an error " * 5] * failed,
        metrics=metrics,
        intervals={name: (value - 0.02, value + 0.02) for name, value in metrics.items()},
        facts={"model": f"v{number // 50 + 1}", "data_digest": "59737fecf018"},
        sentence="Two hours before departure the forecast is off by 18.7 minutes on average, 15 % better than the usual delay.",
        tiles=list(METRICS),
    )


def in_browser(page: Path, folder: str) -> tuple[float, str] | None:
    "Seconds until Chromium has loaded and filtered the page, and what the page says of the rows."
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
    began = time.perf_counter()
    url = f"{page.as_uri()}#job=train&verdict=fail"
    dom = subprocess.run([chromium, *flags, url], capture_output=True, text=True, check=True, timeout=120).stdout
    seconds = time.perf_counter() - began
    shown = re.search(r"<output>(.*?)</output>", dom)
    return seconds, shown.group(1) if shown else "no filter"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    number = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        config = settings(root=folder, home=f"{folder}/home", reports=f"{folder}/reports")
        for run in map(made_up, range(number)):
            path = config.reports / run.job / run.run_id
            path.mkdir(parents=True)
            (path / "run.json").write_text(run_record(run))
        began = time.perf_counter()
        assert len(runs(config)) == number
        read = time.perf_counter() - began
        page = write_index(config)
        total = time.perf_counter() - began - read
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{number} runs: index in {total:.2f} s ({read:.2f} s of it to read them), {page.stat().st_size / 1e6:.2f} MB, peak {peak:.0f} MB"
        )
        if browser := in_browser(page, folder):
            print(f"Chromium, from its start until filtered: {browser[0]:.2f} s; {browser[1]}")
