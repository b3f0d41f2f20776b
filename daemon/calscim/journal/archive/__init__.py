"""Files with the journal rows of months that are over."""
