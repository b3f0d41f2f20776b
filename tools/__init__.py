"""Programs that `make` runs: the audit of the dependencies, the generated reference pages, and the release."""
