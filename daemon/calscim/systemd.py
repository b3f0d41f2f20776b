"""Talks to systemd: readiness, watchdog and inherited sockets.

sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3) without a library. Without systemd these functions do nothing.
"""

import os
import socket
import time
from collections.abc import Mapping

from calscim.terminal import printable

_FIRST_FD = 3  # SD_LISTEN_FDS_START


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send the service manager ``READY=1``, ``STOPPING=1``, ``WATCHDOG=1`` or ``STATUS=text``.

    Control characters in the text are escaped, because `systemctl status` shows it on a terminal. A manager that
    cannot be reached raises nothing: the daemon continues.
    """
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace, where the name starts with a NUL
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        try:
            shown = "\n".join(printable(" ".join(line.split())) for line in lines)
            sender.sendto(shown.encode(), address)
        except OSError:
            return


def is_manager(environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if a service manager started this process and waits for READY=1."""
    return bool(environ.get("NOTIFY_SOCKET"))


def notify_waiting(reason: str, seconds: float, environ: Mapping[str, str] = os.environ) -> None:
    """Show why the start takes longer, and ask for more seconds (EXTEND_TIMEOUT_USEC, sd_notify(3))."""
    notify(f"STATUS={reason}", f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}", environ=environ)


def notify_reloading(environ: Mapping[str, str] = os.environ) -> None:
    """Report that a reload has begun; ``READY=1`` ends it. Type=notify-reload needs the machine's monotonic time."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", environ=environ)


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return the seconds without ``WATCHDOG=1`` after which systemd kills the process; None without a watchdog.

    The event loop itself must send it, at half of that interval; a thread would hide a loop that hangs.
    """
    allowed = environ.get("WATCHDOG_USEC", "")
    meant_for = environ.get("WATCHDOG_PID", "") or str(os.getpid())
    if not allowed.isdigit() or int(allowed) == 0 or meant_for != str(os.getpid()):
        return None
    return int(allowed) / 1_000_000


def listen_fds(environ: Mapping[str, str] = os.environ) -> dict[str, int]:
    """Return the descriptors of the sockets that systemd handed over, by name, in their order.

    Names come from FileDescriptorName= of the socket unit. A missing or repeated name is replaced by the position:
    ``fd0``, ``fd1``.
    """
    count = environ.get("LISTEN_FDS", "")
    if not count.isdigit() or environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, int] = {}
    for position in range(int(count)):
        name = names[position] if position < len(names) else ""
        found[name if name and name not in found else f"fd{position}"] = _FIRST_FD + position
    return found
