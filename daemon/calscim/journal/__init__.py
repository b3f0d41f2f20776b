"""The append-only record of every change: its chain, its audit rows, and what is kept of it elsewhere."""
