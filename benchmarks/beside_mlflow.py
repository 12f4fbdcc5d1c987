"""Requests a second of /predict beside MLflow's model server with an XGBoost model of the same size, one after the other in one run.

    python -m venv /tmp/mlflow && /tmp/mlflow/bin/pip install mlflow xgboost
    python benchmarks/beside_mlflow.py --mlflow /tmp/mlflow/bin/python [--seconds 10] [--connections 16] [--home FOLDER]

MLflow is asked with rows of features that are ready; /predict makes its features from the live state, checks the question, and keeps
the answer. MLflow's model is one of our ten scores' size (80 rounds, depth 6, the ledger's features), so it has less to do.
Needs `wrk` (Debian) and a home with a champion.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from serving import LUA, load_with_wrk, queries, start

from flight_delay.core.config import settings
from flight_delay.features.declarations import LEDGER

TRAIN = """
import sys, numpy as np, pandas as pd, xgboost, mlflow.xgboost
random = np.random.default_rng(0)
X = pd.DataFrame(random.normal(size=(20_000, int(sys.argv[2]))).astype("float32"), columns=sys.argv[3].split(","))
y = X.iloc[:, 0] + random.normal(size=len(X))
model = xgboost.XGBRegressor(n_estimators=80, max_depth=6, n_jobs=1).fit(X, y)
mlflow.xgboost.save_model(model, sys.argv[1])
"""


def start_mlflow(python: str, folder: Path, names: list[str], port: int = 5099) -> tuple[subprocess.Popen, str]:
    "MLflow's server of a model that it has just saved, once it answers."
    subprocess.run(
        [python, "-c", TRAIN, str(folder / "model"), str(len(names)), ",".join(names)], check=True, capture_output=True
    )
    words = ["models", "serve", "-m", str(folder / "model"), "-p", str(port), "--env-manager", "local", "--workers", "1"]
    log = (folder / "mlflow.log").open("w")
    own = os.environ | {"PATH": f"{Path(python).parent}:{os.environ['PATH']}"}  # it starts the uvicorn that it finds
    server = subprocess.Popen([python, "-m", "mlflow", *words], stdout=log, stderr=log, start_new_session=True, env=own)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=1)
            return server, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    raise SystemExit((folder / "mlflow.log").read_text())


def main() -> None:
    "Measure, and print the ratio."
    parser = argparse.ArgumentParser()
    parser.add_argument("--mlflow", required=True, help="the Python that MLflow is installed in")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    names = [feature.name for feature in LEDGER]
    with tempfile.TemporaryDirectory() as name:
        folder, random, rates = Path(name), np.random.default_rng(1), {}
        (folder / "queries").write_text("\n".join(map(json.dumps, queries(10_000))) + "\n")
        rows = random.normal(size=(1_000, len(names))).round(3).tolist()
        split = [{"dataframe_split": {"columns": names, "data": [row]}} for row in rows]
        (folder / "rows").write_text("\n".join(map(json.dumps, split)) + "\n")
        for what in ("mlflow", "flight-delay"):
            ours = what == "flight-delay"
            server, url = start(chosen.home, folder) if ours else start_mlflow(chosen.mlflow, folder, names)
            try:
                script = LUA % (folder / ("queries" if ours else "rows"), "/predict" if ours else "/invocations")
                load_with_wrk(script, url, chosen.connections, 2, folder)  # warm
                rate, p50, p99, errors = load_with_wrk(script, url, chosen.connections, chosen.seconds, folder)
            finally:
                subprocess.run(["pkill", "-f", str(folder / "model")], check=False)
                server.terminate()
                server.wait(30)
            rates[what] = rate
            print(
                f"{what}: {rate:,.0f} requests/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, {errors} errors, {chosen.connections} connections"
            )
    print(f"flight-delay / mlflow: {rates['flight-delay'] / rates['mlflow']:.1f}")


if __name__ == "__main__":
    sys.exit(main())
