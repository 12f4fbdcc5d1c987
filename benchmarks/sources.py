"""A flight file to canonical parquet, beside pandas reading the same file: time and peak memory as ratios.

    python benchmarks/sources.py PATH

Each runs in a process of its own, one after the other. The conversion opens the file, checks every row, rebuilds every instant and
writes parquet; pandas only reads the text. A national month (535,430 rows, a zip of 23 MB) on two quiet cores: 5.9 s and 0.86 GB, pandas
5.2 s and 1.68 GB.
"""

import os
import subprocess
import sys
import tempfile
import time

CONVERT = """
import sys
from pathlib import Path
from flight_delay.sources.flights import read_flights
read = read_flights(Path(sys.argv[1]))
read.flights.write_parquet(sys.argv[2] + "/flights.parquet", compression="zstd")
equal, compared = read.arrival_clocks
print(f"{read.rows_in:,} rows in, {read.flights.height:,} out, {read.set_aside['row'].n_unique()} set aside; "
      f"scheduled arrivals equal to the file's clock: {equal:,} of {compared:,}")
"""
PANDAS = "import sys, io, pandas; from pathlib import Path; from flight_delay.sources.rows import open_bytes; \
print(f'{len(pandas.read_csv(io.BytesIO(open_bytes(Path(sys.argv[1]))), low_memory=False)):,} rows')"


def measured(code: str, path: str) -> tuple[float, float]:  # seconds, GB
    "Run code in a process of its own and see what it takes."
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", code, path, folder])
        _, status, used = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{path} could not be read")
        return time.perf_counter() - start, used.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def main() -> None:
    "Print both and their ratios."
    pandas_seconds, pandas_gb = measured(PANDAS, sys.argv[1])
    seconds, gb = measured(CONVERT, sys.argv[1])
    print(f"pandas.read_csv        {pandas_seconds:6.1f} s  {pandas_gb:.2f} GB")
    print(
        f"to canonical parquet   {seconds:6.1f} s  {gb:.2f} GB   {seconds / pandas_seconds:.2f} and {gb / pandas_gb:.2f} times"
    )


if __name__ == "__main__":
    main()
