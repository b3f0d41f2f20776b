"""Run every benchmark, one after the other (``make bench``)."""

import sys

from benchmarks import (
    calls,
    console,
    fairness,
    journal,
    memory,
    mixed,
    organizations,
    planning,
    scim,
)

if __name__ == "__main__":
    quick = "--quick" in sys.argv
    scim.main(quick=quick)
    mixed.main()
    fairness.main()
    journal.run(100_000 if quick else 1_000_000)
    calls.main(quick=quick)
    organizations.main(quick=quick)
    console.main(quick=quick)
    if not quick:
        memory.main()
        planning.main()
