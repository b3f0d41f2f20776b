"""The cipher that the configuration asks for."""

from calscim.config.model import Journal
from calscim.encryption import Cipher, cipher


def cipher_of(journal: Journal) -> Cipher:
    """Return the cipher of the configured keys; raise ConfigError if what it needs is not installed."""
    return cipher(journal.encryption_key, journal.old_keys)
