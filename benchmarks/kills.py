"""Kill the runner and its kernel with `kill -9` at random moments, and see what the runs look like afterwards.

    python benchmarks/kills.py [how many, 20] [seed, 0]

Every attempt is the same job on the same data, promotes a version of its own, and notes in a diary when its last cell has
run. The runner is killed after a random part of the time that an undisturbed run takes, the kernel after a random part of
what is left when it has started; they take turns.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import nbformat

from flight_delay.core.config import settings
from flight_delay.models.registry import aliases
from flight_delay.runs.changes import write_index
from flight_delay.runs.history import runs

RUNNER = "import sys; from flight_delay.runs.runner import run; print('ready', flush=True); sys.exit(run('job').exit_code)"
LAST_CELL = """
import os
from flight_delay.runs.parameters import finish
with open(os.environ["DIARY"], "a") as diary:
    diary.write(os.environ["VERSION"] + "\\n")
finish(metrics={"mae": 1.5}, promote=os.environ["VERSION"])
"""


def project(folder: Path, versions: int):
    "A project with one job and versions that it may promote."
    first = nbformat.v4.new_code_cell("month = 1", metadata={"tags": ["parameters"]})
    cells = [first, *(nbformat.v4.new_code_cell(cell) for cell in [*["import time; time.sleep(0.3)"] * 4, LAST_CELL])]
    (folder / "scheduled").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "scheduled" / "job.ipynb")
    for number in range(1, versions + 1):
        version = folder / "home" / "registry" / f"v{number}"
        version.mkdir(parents=True)
        (version / "digests.json").write_text("{}")
    return settings(root=folder, home=folder / "home", reports=folder / "reports")


def begin(house, number: int) -> subprocess.Popen:
    "A runner in a process of its own, at the moment when it is about to run the job."
    places = {"FLIGHT_DELAY_ROOT": house.root, "FLIGHT_DELAY_HOME": house.home, "FLIGHT_DELAY_REPORTS": house.reports}
    notes = {"DIARY": house.root / "diary", "VERSION": f"v{number}"}
    environment = os.environ | {name: str(value) for name, value in {**places, **notes}.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def going_on(house, process: subprocess.Popen) -> dict:
    "The record of the run of a runner, as far as there is one."
    for path in house.reports.glob(".unfinished-*/run.json"):
        with suppress(OSError, ValueError):
            if (stored := json.loads(path.read_text()))["pid"] == process.pid:
                return stored
    return {}


def disturb(house, process: subprocess.Popen, whom: str, seconds: float) -> str:
    "Kill the runner or its kernel after a random part of a run; says where the run stood."
    while whom == "kernel" and process.poll() is None and not going_on(house, process).get("kernel_pid"):
        time.sleep(0.01)
    with suppress(subprocess.TimeoutExpired):
        process.wait(random.uniform(0, seconds if whom == "runner" else 0.6 * seconds))
    stood = going_on(house, process)
    victim = process.pid if whom == "runner" else stood.get("kernel_pid")
    if process.poll() is not None or victim is None:
        process.wait()
        return "it had ended before"
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    process.wait()
    return f"killed in cell {stood.get('cell')}" if stood else "killed without a folder: not yet, or complete"


def kernels_left(house) -> list[str]:
    "Processes of killed runs that still run."
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"FLIGHT_DELAY_RUN_FOLDER={house.reports}".encode() in (place / "environ").read_bytes():
                found.append(place.name)
    return found


def complaints(house) -> list[str]:
    "What is wrong with what the runs left."
    finished = (house.root / "diary").read_text().split()
    past = runs(house)
    good = [run for run in past if run.verdict == "ok"]
    wrong = [f"{run.run_id} says ok and its last cell never ran" for run in good if run.promotes not in finished]
    wrong += [f"{run.run_id} has no report" for run in past if run.path is None or not run.path.exists()]
    rows = write_index(house).read_text().count("data-verdict=")
    return wrong + ([f"the index lists {rows} of {len(past)} runs"] if rows != len(past) else [])


def main(times: int, seed: int) -> int:
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        house, wrong = project(Path(folder), times + 2), []
        process, start = begin(house, 1), time.monotonic()
        assert process.wait() == 0
        whole = time.monotonic() - start
        for number in range(2, times + 2):
            whom = ("runner", "kernel")[number % 2]
            process = begin(house, number)
            stood = disturb(house, process, whom, whole)
            found = complaints(house) + (["it was refused"] if process.returncode in (2, 10) else [])
            wrong += found
            print(f"{number - 1:2} {whom}: {stood}; exit code {process.returncode}; {found or 'nothing wrong'}", flush=True)
        if begin(house, times + 2).wait() != 0:
            wrong.append("the next run did not end well")
        wrong += complaints(house) + [f"process {pid} was left" for pid in kernels_left(house)]
        wrong += [f"{path.name} was left" for path in house.reports.glob(".unfinished-*")]
        if aliases(house)["champion"] != f"v{times + 2}":
            wrong.append(f"the champion is {aliases(house)['champion']}")
        print(dict(Counter(run.failure or run.verdict for run in runs(house))), wrong or "nothing wrong")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in [*sys.argv[1:], *("20", "0")[len(sys.argv) - 1 :]])))
