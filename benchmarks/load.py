"""How the API bears load: half of its peak for long, twice its peak, and 2,000 open connections.

    python benchmarks/load.py --seconds 600 --home FOLDER     # the whole of it: 14 minutes on a quiet machine
    python benchmarks/load.py --seconds 60 --home FOLDER      # a look

Needs a home with a champion, as `make run` leaves it. One worker; state, validation and the prediction log are on. Questions are sent at
fixed instants, whether the earlier ones have been answered or not, and a latency counts from the instant at which its question was due:
so a server that stands still is not spared. What the machine of the load itself could not send in time is counted as late.

Four parts: (peak) requests a second with 16 connections that ask again at once; (half) so many seconds at half of that: no error, memory
and p99 flat; (twice) a quarter of the time at twice the peak: refused with 503 or 429 and Retry-After, p99 of the accepted under 100 ms,
and all as before within five seconds; (open) connections that all stay open and take turns, then all ask at the same moment.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

import numpy as np
from serving import queries, resident_mb, start

from flight_delay.core.config import settings

LONGEST_SECONDS = 30.0  # then an answer counts as missing


class Connection(asyncio.Protocol):
    "One connection that stays open: a question, then its answer."

    def __init__(self, load: "Load"):
        self.load, self.due, self.content, self.transport = load, None, b"", None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def ask(self, question: bytes, due: float) -> None:
        self.due = due
        self.transport.write(question)

    def data_received(self, data: bytes) -> None:
        self.content += data
        head, blank, body = self.content.partition(b"\r\n\r\n")
        if not blank:
            return
        if self.due is None:  # closed for lack of a question
            return
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            due, self.due, self.content = self.due, None, b""
            self.load.answered(self, int(head[9:12]), b"\r\nretry-after:" in head, due)

    def connection_lost(self, error: Exception | None) -> None:
        self.load.lost(self)


class Load:
    "Connections, and what became of the questions."

    def __init__(self, port: int, bodies: list[bytes]):
        self.port, self.n = port, 0
        form = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        self.questions = [form % (len(body), body) for body in bodies]
        self.idle: deque[Connection] = deque()
        self.again = False
        self.all: list[Connection] = []
        self.begin()

    def begin(self) -> None:
        "Count anew."
        self.latencies: dict[int, list[float]] = {}
        self.statuses: Counter[str | int] = Counter()
        self.without_retry_after = self.most_due_late = 0

    async def connect(self, connections: int) -> None:
        "Open connections, until there are so many."
        loop = asyncio.get_running_loop()
        while len(self.all) < connections:
            made = await asyncio.gather(
                *(
                    loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
                    for _ in range(min(100, connections - len(self.all)))
                )
            )
            self.all += [connection for _, connection in made]
            self.idle.extend(connection for _, connection in made)

    def close(self) -> None:
        "Close all connections."
        connections, self.all = self.all, []
        for connection in connections:
            connection.transport.abort()
        self.idle.clear()

    def ask(self, connection: Connection, due: float) -> None:
        "The next question, on a connection."
        self.n += 1
        connection.ask(self.questions[self.n % len(self.questions)], due)

    def answered(self, connection: Connection, status: int, says_when: bool, due: float) -> None:
        now = time.perf_counter()
        self.statuses[status] += 1
        self.latencies.setdefault(status, []).append(now - due)
        self.without_retry_after += status in (429, 503) and not says_when
        if self.again:
            return self.ask(connection, now)
        self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        if connection in self.all:
            self.all.remove(connection)
            self.statuses["connection lost"] += 1
            with suppress(ValueError):
                self.idle.remove(connection)

    def in_hand(self) -> int:
        "Questions without an answer so far."
        return sum(connection.due is not None for connection in self.all)

    async def settle(self) -> None:
        "Wait for the answers that are missing."
        end = time.perf_counter() + LONGEST_SECONDS
        while (left := self.in_hand()) and time.perf_counter() < end:
            await asyncio.sleep(0.01)
        self.statuses["no answer"] += left
        self.statuses = +self.statuses

    async def closed_loop(self, connections: int, seconds: float) -> float:
        "Requests a second where each connection asks again at once."
        await self.connect(connections)
        self.begin()
        self.again, began = True, time.perf_counter()
        for _ in range(connections):
            self.ask(self.idle.popleft(), began)
        await asyncio.sleep(seconds)
        rate, self.again = sum(self.statuses.values()) / (time.perf_counter() - began), False
        await self.settle()
        return rate

    async def open_loop(self, rate: float, seconds: float) -> None:
        "Questions at fixed instants; one for which no connection is free waits for one."
        began, sent, total = time.perf_counter(), 0, int(rate * seconds)
        while sent < total:
            now = time.perf_counter()
            due = min(total, int((now - began) * rate) + 1)
            while sent < due and self.idle:
                self.ask(self.idle.popleft(), began + sent / rate)
                sent += 1
            self.most_due_late = max(self.most_due_late, due - sent)
            await asyncio.sleep(0.001)


def row(what: str, load: Load, seconds: float, pid: int) -> dict:
    "Figures of a part, printed as a line."
    accepted = np.array(load.latencies.get(200, [np.nan])) * 1000
    p50, p99, largest = np.percentile(accepted, (50, 99, 100))
    refused = sum(load.statuses[status] for status in (429, 503))
    others = {str(name): count for name, count in load.statuses.items() if name not in (200, 429, 503)}
    memory = resident_mb(pid)["VmRSS"]
    print(
        f"{what:24} {load.statuses[200] / seconds:7,.0f}/s answered {refused / seconds:7,.0f}/s refused  "
        f"p50 {p50:7.1f} ms  p99 {p99:7.1f} ms  max {largest:7.1f} ms  RSS {memory:4.0f} MB  other: {others or 'none'}"
        + f"  WITHOUT RETRY-AFTER: {load.without_retry_after}"
        * (load.without_retry_after > 0),
        flush=True,
    )
    return {"p99": p99, "refused": refused, "others": sum(others.values()), "memory": memory, "accepted": load.statuses[200]}


def verdict(what: str, held: bool) -> bool:
    "A line for what was asked."
    print(f"{'yes' if held else 'NO ':3} {what}", flush=True)
    return held


async def half(load: Load, peak: float, seconds: int, pid: int) -> list[bool]:
    "Half of the peak for long, in parts of a minute, ten at least."
    part, rows = min(60.0, seconds / 6), []
    for number in range(round(seconds / part)):
        load.begin()
        await load.open_loop(peak / 2, part)
        rows.append(row(f"half, {part * (number + 1):.0f} s", load, part, pid))
    await load.settle()
    first, last = rows[1], rows[-1]
    return [
        verdict("half of the peak: no error", not sum(one["refused"] + one["others"] for one in rows)),
        verdict(f"memory is flat: {first['memory']:.0f} MB, {last['memory']:.0f} MB", last["memory"] < 1.05 * first["memory"]),
        verdict(f"p99 is flat: {first['p99']:.1f} ms, {last['p99']:.1f} ms", last["p99"] < max(2 * first["p99"], 20)),
    ]


async def twice(load: Load, peak: float, seconds: int, pid: int, usual: float) -> list[bool]:
    "Twice the peak, and the seconds after it."
    load.begin()
    await load.open_loop(2 * peak, seconds)
    above = row("twice", load, seconds, pid)
    ended, back = time.perf_counter(), None
    print(f"  at most {load.most_due_late:,} questions were due and waited for a free connection")
    for second in range(1, 11):
        load.begin()
        await load.open_loop(peak / 2, 1)
        one = row(f"  {second} s later, half", load, 1, pid)
        if back is None and not one["refused"] + one["others"] and one["p99"] < max(2 * usual, 20):
            back = time.perf_counter() - ended
    await load.settle()
    return [
        verdict(
            "twice the peak: refused with 503 or 429 and Retry-After, nothing else",
            above["refused"] > 0 == above["others"] + load.without_retry_after,
        ),
        verdict(f"p99 of the accepted under 100 ms: {above['p99']:.1f} ms", above["p99"] < 100),
        verdict(f"as before within 5 s: {'no' if back is None else f'{back:.0f} s'}", back is not None and back < 5.5),
        verdict(
            f"at least 0.7 of the peak is answered: {above['accepted'] / seconds / peak:.2f}",
            above["accepted"] / seconds > 0.7 * peak,
        ),
    ]


async def many(load: Load, peak: float, connections: int, pid: int) -> list[bool]:
    "Connections that stay open: each in turn, then all at once."
    load.close()
    load.begin()
    began = time.perf_counter()
    for opened in range(0, connections, 100):  # a connection that asks nothing for ten seconds is closed
        await load.connect(min(opened + 100, connections))
        load.idle.rotate(100)
        await load.open_loop(peak / 2, 200 / peak)
    await load.settle()
    turns = row(f"{connections:,} open, in turn", load, time.perf_counter() - began, pid)
    load.begin()
    began = time.perf_counter()
    for _ in range(len(load.all)):
        load.ask(load.idle.popleft(), began)
    await load.settle()
    at_once = row(f"{connections:,} open, at once", load, time.perf_counter() - began, pid)
    return [
        verdict(f"{connections:,} open connections are answered in turn", turns["accepted"] == connections == len(load.all)),
        verdict(
            "asked at the same moment each gets an answer or a refusal", at_once["accepted"] + at_once["refused"] == connections
        ),
    ]


async def measure(chosen: argparse.Namespace, port: int, pid: int) -> bool:
    "All parts; whether all held."
    load = Load(port, [json.dumps(query).encode() for query in queries(10_000)])
    await load.closed_loop(16, 2)  # warm
    peak = await load.closed_loop(16, max(chosen.seconds / 6, 5))
    usual = row("peak, 16 connections", load, max(chosen.seconds / 6, 5), pid)
    await load.connect(chosen.connections)
    held = await half(load, peak, chosen.seconds, pid)
    held += await twice(load, peak, max(chosen.seconds // 4, 10), pid, usual["p99"])
    held += await many(load, peak, chosen.open, pid)
    load.close()
    return all(held)


def main() -> None:
    "Measure, and say what held."
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="at half of the peak")
    parser.add_argument("--connections", type=int, default=512, help="over which questions are sent")
    parser.add_argument("--open", type=int, default=2000, help="connections that are open at once")
    parser.add_argument("--home", type=Path, default=settings().home)
    chosen = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name:
        server, url = start(chosen.home, Path(name))
        try:
            held = asyncio.run(measure(chosen, int(url.rpartition(":")[2]), server.pid))
        finally:
            server.terminate()
            server.wait(30)
    sys.exit(not held)


if __name__ == "__main__":
    main()
