"""``make bench``: every measurement, one after the other."""

import sys

from benchmarks import mixed, planning, scim

if __name__ == "__main__":
    quick = "--quick" in sys.argv
    scim.main(quick=quick)
    mixed.main()
    if not quick:
        planning.main()
