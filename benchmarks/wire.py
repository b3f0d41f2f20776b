"""A small HTTP/1.1 client with keep-alive connections; its low cost hardly affects the measurements."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Connection:
    """One connection, which sends one request at a time."""

    host: str
    port: int
    headers: str
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                self.host, self.port, limit=64 * 1024 * 1024
            )
        assert self.reader is not None
        self.writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{self.headers}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = 0
        lower = head.lower()
        if (at := lower.find(b"content-length:")) >= 0:
            length = int(lower[at + 15 : lower.index(b"\r\n", at)])
        return status, await self.reader.readexactly(length) if length else b""

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


@dataclass(slots=True)
class Result:
    """The rate of requests of one kind, and the time of each in seconds."""

    name: str
    seconds: float
    latencies: list[float] = field(default_factory=list)
    failures: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def line(self) -> str:
        bad = f"  {len(self.failures)} FAILED: {self.failures[0]}" if self.failures else ""
        return (
            f"{self.name:<46} {self.rate:9.0f}/s  median {self.percentile(0.5) * 1e3:7.2f} ms"
            f"  p99 {self.percentile(0.99) * 1e3:7.2f} ms{bad}"
        )


Job = tuple[str, str, bytes]


async def load(
    name: str, host: str, port: int, headers: str, jobs: Iterable[Job], concurrency: int = 8
) -> Result:
    """Send the jobs over ``concurrency`` connections, each as soon as the previous request was answered."""
    queue = iter(list(jobs))
    result = Result(name, 0.0)

    async def worker() -> None:
        connection = Connection(host, port, headers)
        for method, path, body in queue:
            began = time.perf_counter()
            status, answer = await connection.send(method, path, body)
            result.latencies.append(time.perf_counter() - began)
            if status >= 300:
                result.failures.append((status, answer[:300]))
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    result.seconds = time.perf_counter() - began
    return result


async def median(count: int, call: Callable[[], Awaitable[tuple[int, bytes]]]) -> float:
    """Return the median time of a call, in seconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        status, answer = await call()
        times.append(time.perf_counter() - began)
        if status >= 300:
            raise RuntimeError(f"{status}: {answer[:300]!r}")
    return sorted(times)[count // 2]
