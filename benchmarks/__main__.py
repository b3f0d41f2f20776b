"""Run every benchmark, one after the other (``make bench``), and write docs/performance.md with ``--write``."""

import sys

from benchmarks import (
    calls,
    console,
    fairness,
    growth,
    journal,
    memory,
    mixed,
    organizations,
    page,
    planning,
    scim,
)
from benchmarks.page import Part


def parts(*, quick: bool) -> list[Part]:
    """Return the benchmarks. ``quick`` leaves out the ones that only show what a large size costs."""
    always = [
        Part(
            "How the cost grows",
            "One number changes at a time. `first` is a pass that finds everybody on their teams and "
            "records it, `idle` a pass that changes nothing, and `calls` are the calls to Cal.com that the "
            "idle pass makes: at Cal.com's rate limit they take the time in the next column. `push` is the "
            "time from a changed group to the person's place on the team. `look-up` and `PATCH` are "
            "requests of the identity provider: a user by userName, and one more member of a group.",
            lambda: growth.main(quick=quick),
        ),
        Part(
            "SCIM requests",
            "Requests at concurrency 8, compared with the floor: an aiohttp handler that makes one "
            "INSERT or one SELECT.",
            lambda: scim.main(quick=quick),
        ),
        Part(
            "Beside other SCIM servers",
            "Okta's sequence of requests, with the servers in turns on the same machine.",
            mixed.main,
        ),
        Part(
            "One directory beside another",
            "The look-ups of one directory while another one sends the costliest requests that calscim "
            "accepts.",
            fairness.main,
        ),
        Part(
            "The journal",
            "The time to verify the hash chain, to rebuild a directory from its rows, and to find a "
            "person in it. The bundled Postgres hashes without OpenSSL, several times slower than a "
            "Postgres of your distribution.",
            lambda: journal.main(100_000 if quick else 1_000_000),
        ),
        Part(
            "Calls to Cal.com",
            "The calls that a first import, an idle pass, and one change cost, compared with the "
            "minimum.",
            lambda: calls.main(quick=quick),
        ),
        Part(
            "Many organizations",
            "One daemon with many organizations, and two daemons that share them.",
            lambda: organizations.main(quick=quick),
        ),
        Part(
            "The console",
            "The time of each page in a small organization and in one with 50,000 people and 1,000 "
            "teams.",
            lambda: console.main(quick=quick),
        ),
    ]
    large = [
        Part(
            "Memory",
            "The daemon's memory while a company is pushed and imported.",
            memory.main,
        ),
        Part(
            "Planning",
            "The processor time of a plan for 50,000 people, without reading anything.",
            planning.main,
        ),
    ]
    return always if quick else [*always, *large]


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    chosen = parts(quick=quick)
    if "--write" in sys.argv:
        page.write(chosen, quick=quick)
    else:
        for part in chosen:
            part.run()
