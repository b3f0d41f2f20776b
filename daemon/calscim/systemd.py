"""What systemd wants to be told and to hand over: readiness, the watchdog, sockets.

sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3) without a library. Outside of systemd
everything here does nothing.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

_FIRST_FD = 3


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells the service manager what the daemon is doing; ``address`` is $NOTIFY_SOCKET."""

    address: str | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Notifier":
        return cls(environ.get("NOTIFY_SOCKET") or None)

    def ready(self, status: str = "") -> None:
        """Both listeners answer; to be sent again at the end of a reload."""
        self._send("READY=1", *_status(status))

    def reloading(self, monotonic: float) -> None:
        """A reload has begun at that reading of the monotonic clock, in seconds; ``ready`` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(monotonic * 1_000_000)}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """One line that ``systemctl status`` shows."""
        self._send(*_status(text))

    def watchdog(self) -> None:
        """The event loop has made progress. To be sent from the loop itself, never from a thread."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> None:
        """A start or a stop takes this much longer, a migration for example."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        # A name that starts with "@" is in the abstract namespace, where it starts with a NUL.
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(lines).encode(), name)
            except OSError:  # a manager that does not listen is no reason to stop serving
                return


def _status(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def watchdog_interval(environ: Mapping[str, str], pid: int | None = None) -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None without a watchdog."""
    allowed = environ.get("WATCHDOG_USEC", "")
    if not allowed.isdigit() or int(allowed) == 0:
        return None
    meant_for = environ.get("WATCHDOG_PID", "")
    if meant_for and meant_for != str(pid or os.getpid()):
        return None
    return int(allowed) / 1_000_000 / 2


def listen_fds(environ: Mapping[str, str], pid: int | None = None) -> dict[str, int]:
    """The sockets handed over, as name -> descriptor, in their order.

    Names come from FileDescriptorName= in the socket unit. A name that is missing or stands twice
    gets its position: ``fd0``, ``fd1``.
    """
    count = environ.get("LISTEN_FDS", "")
    if not count.isdigit() or environ.get("LISTEN_PID") != str(pid or os.getpid()):
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, int] = {}
    for position in range(int(count)):
        name = names[position] if position < len(names) else ""
        found[name if name and name not in found else f"fd{position}"] = _FIRST_FD + position
    return found


def inherited(
    name: str, environ: Mapping[str, str], pid: int | None = None
) -> socket.socket | None:
    """The listening socket of that name, the only one under any name, or None."""
    handed = listen_fds(environ, pid)
    fd = handed.get(name, next(iter(handed.values())) if len(handed) == 1 else None)
    if fd is None:
        return None
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)
