"""The change feed: what each journal row changed, as events in one order that other programs can follow."""
