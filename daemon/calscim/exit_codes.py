"""The exit codes of ``calscim``, each with its meaning. `calscim --help` and docs/reference/cli.md show this table.

Scripts depend on these numbers. Usage is 64 and not argparse's 2, because a script that calls ``calscim plan`` with a
misspelled option would otherwise read "changes are pending".
"""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    IN_SYNC = 0, "success; for plan, sync and status --exit-code: in sync"
    FAILED = 1, "error; standard error says what is wrong and what to do"
    PENDING = 2, "changes are pending, or for mapping apply: not saved without --yes"
    HELD = 3, "a set of changes is held until an operator approves it"
    STALE = 4, "approve and reject: no held plan has this hash"
    BROKEN = 5, "journal verify: the hash chain is broken"
    DIFFERENT = 6, "rebuild --check: the tables differ from the journal"
    INCOMPLETE = 7, "journal export: rows or bodies are missing"
    USAGE = 64, "wrong arguments"
    CONFIGURATION = 78, "the configuration has problems, or the port is in use"
    INTERRUPTED = 130, "interrupted by Ctrl-C (SIGINT)"
    BROKEN_PIPE = 141, "the reader of standard output closed it (SIGPIPE)"
    TERMINATED = (
        143,
        "SIGTERM ended the command before its work was done (the daemon: a second one)",
    )
