"""The process: what it is put together from, its listeners, its signals, its end."""
