"""The log of the daemon and of the verbs.

An event is a fixed lower-case dotted name plus keys. Values of keys that name a secret are hidden, and characters that
a terminal would interpret are escaped (calscim.terminal).
"""

from calscim.logs.configure import configure, is_json
from calscim.logs.redaction import HIDDEN

__all__ = ["HIDDEN", "configure", "is_json"]
