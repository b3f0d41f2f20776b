"""The process: what it is put together from, its listeners, its signals, its end."""

from calscim.service.daemon import serve

__all__ = ["serve"]
