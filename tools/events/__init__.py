"""The catalog of the events in the log: found in the code, described in catalog.toml, written to docs/reference."""
