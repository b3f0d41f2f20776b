"""What `make` runs on the dependencies: the audit and the list of licenses."""
