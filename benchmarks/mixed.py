"""Compare calscim with other SCIM servers in Okta's request sequence, in one run on one machine.

The servers with a database share one Postgres.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from benchmarks.machine import describe, most_resident
from benchmarks.okta import BEFORE, CONCURRENCY, EACH, OPERATIONS, ROUNDS, Play, RefusedError
from benchmarks.peers.running import node_version, peers
from benchmarks.servers import Server, daemon
from calscim.postgres import embedded

REACH = {"saml-jackson": 3.0, "scimmy": 1.5}  # the target: how many times as fast calscim should be


async def compare(
    servers: Sequence[Server], log: Callable[[str], None], postgres: int = 0
) -> list[Play]:
    """Time each server; the first one is calscim. Leave out a server that does not do the work, and log the reason."""
    plays = [Play(server, 0 if "in memory" in server.name else postgres) for server in servers]

    async def each(does: Callable[[Play, Any], Awaitable[None]], what: Any = None) -> None:
        for play in list(plays):
            try:
                await does(play, what)
            except (RefusedError, ValueError, KeyError, OSError, EOFError) as error:
                if play.server is servers[0]:
                    raise
                log(f"{play.server.name}: not measured: {error}")
                plays.remove(play)

    await each(lambda play, _: play.prove())
    for number in range(1, ROUNDS + 1):
        await each(Play.round, number * 100_000)
    for operation in OPERATIONS:
        await each(lambda play, name: play.only(name, 7_000_000), operation)
    return plays


def faster(ours: Play, theirs: Play) -> float:
    """Return the median ratio of two servers' rates over the rounds.

    The two rounds of a ratio follow each other, so the load of the machine is about the same for both.
    """
    ratios = sorted(a / b for a, b in zip(ours.rounds, theirs.rounds, strict=True))
    return ratios[len(ratios) // 2]


def table(plays: Sequence[Play]) -> list[str]:
    """Return the rate of each server and, below it, how many times as fast calscim is."""
    ours = plays[0]
    lines = [f"{'requests a second':<34}{'mixed':>8}" + "".join(f"{n:>9}" for n in OPERATIONS)]
    for play in plays:
        alone = "".join(f"{play.alone[name]:>9.0f}" for name in OPERATIONS)
        lines.append(f"{play.server.name:<34}{play.rate:>8.0f}{alone}")
        if play is not ours:
            wanted = REACH.get(play.server.name.split()[0])
            goal = "" if wanted is None else f"   (reach {wanted:.1f} in the mixed one)"
            times = "".join(f"{ours.alone[n] / play.alone[n]:>8.1f}x" for n in OPERATIONS)
            lines.append(f"{'  calscim is faster by':<34}{faster(ours, play):>7.1f}x{times}{goal}")
    lines += [f"{play.server.name}: {text}" for play in plays for text in play.remarks]
    lines.append("milliseconds of processor a request of the mixed sequence, server and database:")
    for play in plays:
        own, database = (1e3 * seconds for seconds in play.processor_each)
        whole = sum(play.processor_each) / sum(ours.processor_each)
        lines.append(
            f"  {play.server.name:<32}{own:>6.2f} +{database:>6.2f}   {whole:>5.1f} times calscim"
        )
    most = (f"{play.server.name} {most_resident(play.server.pid):.0f} MB" for play in plays)
    return [*lines, f"memory at most: {', '.join(most)}"]


async def measure() -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-bench-"))
    folder.chmod(0o755)
    try:
        async with daemon(folder) as ours:
            running = await embedded.start(folder / "postgres")
            owner = await asyncpg.connect(running.owner_dsn)
            await owner.execute("CREATE DATABASE peers")
            await owner.close()
            # A URL needs a host.
            dsn = running.owner_dsn.replace(f"@/{embedded.DATABASE}?", "@localhost/peers?")
            async with peers(print, dsn) as others:
                plays = await compare([ours, *others], print, running.server.get_pid())
                print("\n".join(table(plays)))
            running.server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    print(describe(), node_version(), sep="; ")
    print(
        f"Okta's sequence at concurrency {CONCURRENCY}, {BEFORE} users beforehand, the median of "
        f"{ROUNDS} rounds of {EACH} people"
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure())


if __name__ == "__main__":
    main()
