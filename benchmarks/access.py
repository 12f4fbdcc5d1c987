"""What access costs: microseconds of a request, step by step and as a whole, in this process and without a socket.

    .venv/bin/python benchmarks/access.py [--redis redis://127.0.0.1:6379] [--calls 20000]

The whole is the time of an app that answers at once, behind the guard, less the time of that app alone. Each figure is the
best of five rounds; compare figures of one run only.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from flight_delay.core.config import Settings, settings
from flight_delay.serving import access
from flight_delay.serving.limits import Guard, RateLimit

ROUNDS = 5
SECRET = "a-signing-secret-of-forty-characters-000"
UNLIMITED = 10**9


def best(call: Callable[[], Any], calls: int) -> float:
    "Microseconds of a call."
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append(time.perf_counter() - began)
    return min(rounds) / calls * 1e6


def best_awaited(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    "Microseconds of a call that is awaited."

    async def rounds() -> float:
        seconds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(calls):
                await call()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    return asyncio.run(rounds()) / calls * 1e6


async def app(scope: Any, receive: Any, send: Any) -> None:
    "Answers at once."
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def nowhere(message: Any) -> None:
    "Where answers go."


def whole(guarded: Any, calls: int, *credentials: tuple[bytes, bytes]) -> float:
    "Microseconds of a request like a browser's to an app."
    usual = [
        (b"host", b"127.0.0.1"),
        (b"user-agent", b"x"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip"),
        (b"connection", b"close"),
    ]
    headers = [*usual, (b"content-type", b"application/json"), (b"content-length", b"80"), *credentials]
    fixed = {"type": "http", "method": "POST", "path": "/predict", "scheme": "http", "headers": headers}
    fixed |= {"server": ("127.0.0.1", 9696), "client": ("127.0.0.1", 50000)}
    return best_awaited(lambda: guarded(dict(fixed), None, nowhere), calls)


def in_sqlite(folder: Path) -> Callable[[], Any]:
    "The same count as a row of SQLite, for comparison: one statement, nothing forced to disk."
    rows = sqlite3.connect(folder / "counts.db", isolation_level=None)
    rows.execute("pragma journal_mode=wal")
    rows.execute("pragma synchronous=off")
    rows.execute("create table counts (caller text primary key, ends real, n int) without rowid")
    count = (
        "insert into counts values (:who, :now + 60, 1) on conflict (caller) do update "
        "set n = iif(ends < :now, 1, n + 1), ends = iif(ends < :now, :now + 60, ends) returning n"
    )
    return lambda: rows.execute(count, {"who": "key:0123abcd", "now": time.time()}).fetchone()


def tokens(folder: Path) -> tuple[Settings, dict[str, str]]:
    "Settings for both kinds of token, and one of each."
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "now", "use": "sig", "alg": "RS256"}
    (folder / "jwks.json").write_text(json.dumps({"keys": [public]}))
    claims = {"sub": "kiosk", "roles": ["predict"], "exp": time.time() + 3600}
    both = settings(home=folder, jwt_secret=SECRET, jwt_jwks_file=folder / "jwks.json", rate_limit=UNLIMITED)
    return both, {
        "HS256": jwt.encode(claims, SECRET, "HS256"),
        "RS256": jwt.encode(claims, key, "RS256", headers={"kid": "now"}),
    }


def steps(folder: Path, calls: int, key: str, redis: str | None) -> dict[str, float]:
    "Microseconds of each step alone."
    on, signed = tokens(folder)
    ring, reader, name = access.KeyRing(on), access.TokenReader(on), str(folder / "keys.json")
    table = {
        "stat of keys.json": best(lambda: os.stat(name), calls),
        "look up the role": best(lambda: access.role_needed("POST", "/predict"), calls),
        "a key: stat, hash, compare": best(lambda: ring.caller(key), calls),
    }
    for kind, token in signed.items():
        table[f"{kind}, seen before"] = best(lambda token=token: reader.caller(token), calls)
        forget = lambda token=token: (reader._verified.clear(), reader.caller(token))  # noqa: E731
        table[f"{kind}, for the first time"] = best(forget, calls // 20)
    places = {"in memory": {"workers": 1}, "in the shared file": {"limits_url": f"file://{folder}/counts"}}
    for place, given in (places | ({"in Redis": {"limits_url": redis}} if redis else {})).items():
        limit = RateLimit(settings(home=folder, rate_limit=UNLIMITED, **given))
        table[f"count {place}"] = best_awaited(
            lambda limit=limit: limit.hit("key:0123abcd"), calls // (10 if "Redis" in place else 1)
        )
    return table | {"count in SQLite (not used)": best(in_sqlite(folder), calls // 4)}


def requests(folder: Path, calls: int, key: str) -> dict[str, float]:
    "Microseconds that the guard adds to a request."
    on, signed = tokens(folder)
    shared = on.model_copy(update={"limits_url": settings(limits_url=f"file://{folder}/more").limits_url})
    bare = whole(app, calls)
    sent = (b"x-api-key", key.encode())
    return {
        "access off": whole(Guard(app, settings(home=folder, access="off")), calls) - bare,
        "a key, one worker": whole(Guard(app, on), calls, sent) - bare,
        "a key, several workers (shared file)": whole(Guard(app, shared), calls, sent) - bare,
        "a token of RS256, seen before": whole(Guard(app, on), calls, (b"authorization", f"Bearer {signed['RS256']}".encode()))
        - bare,
        "no key: 401": whole(Guard(app, on), calls // 4) - bare,
    }


def main() -> None:
    "Print both tables."
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--redis")
    options.add_argument("--calls", type=int, default=20_000)
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, key = access.create_key("kiosk", ["predict"], config=settings(home=folder))
        for title, table in (
            ("a step alone", steps(folder, wanted.calls, key, wanted.redis)),
            ("what the guard adds to a request", requests(folder, wanted.calls, key)),
        ):
            print(f"{title}, microseconds")
            for step, microseconds in table.items():
                print(f"  {microseconds:8.1f}  {step}")


if __name__ == "__main__":
    main()
