"""Take a person's data out of the journal and the tables; the chain can still be proven."""
