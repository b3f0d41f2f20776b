"""``make bench``: every measurement, one after the other."""

import sys

from benchmarks import planning, scim

if __name__ == "__main__":
    planning.main()
    scim.main(quick="--quick" in sys.argv)
