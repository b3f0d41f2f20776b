"""Describe the machine and measure processes on it."""

import importlib.metadata
import os
import platform
from pathlib import Path


def describe() -> str:
    """Return the processor, memory, load, and versions that a result depends on."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("calscim", "aiohttp", "asyncpg", "orjson", "uvloop", "scim2-server")
    )
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory()}, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}; {versions}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) // 1024 // 1024} GiB"
    return "unknown memory"


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    return _memory_of(pid, "VmRSS")


def most_resident(pid: int) -> float:
    """Return the peak resident memory of a process, in MB."""
    return _memory_of(pid, "VmHWM")


def _memory_of(pid: int, what: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of its running and ended children."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8")
        except OSError:  # the process ended
            continue
        fields = stat.rpartition(")")[2].split()
        if int(folder.name) == pid:
            total += sum(int(ticks) for ticks in fields[11:15])
        elif int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
