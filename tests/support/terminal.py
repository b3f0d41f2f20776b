"""A terminal for commands that ask: a pseudo-terminal as their standard input and standard error."""

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path


class Terminal:
    """Runs calscim in a process of its own, and answers its questions."""

    def __init__(self, configuration: Path) -> None:
        self._environ = os.environ | {"CALSCIM_CONFIG": str(configuration), "TERM": "dumb"}

    def run(self, *arguments: str, answer: bytes | None = None) -> tuple[int, str, str]:
        """Return the exit code, standard output and what the terminal shows. ``answer`` None: no question comes."""
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "calscim", *arguments],
            stdin=follower,
            stdout=subprocess.PIPE,
            stderr=follower,
            env=self._environ,
            start_new_session=True,
        )
        os.close(follower)
        shown = b""
        try:
            while chunk := self._read(leader):
                shown += chunk
                if answer is not None and shown.endswith(b"[y/N] "):
                    if answer == b"\x03":
                        process.send_signal(signal.SIGINT)
                    else:
                        os.write(leader, answer)
                    answer = None
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(leader)
        assert answer is None, shown
        return process.returncode, out.decode(), shown.decode().replace("\r\n", "\n")

    @staticmethod
    def _read(leader: int) -> bytes:
        assert select.select([leader], [], [], 60)[0]
        try:
            return os.read(leader, 65536)
        except OSError:  # the process closed its end
            return b""
