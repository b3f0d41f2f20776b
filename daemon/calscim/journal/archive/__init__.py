"""Archives: files with the journal rows of past months."""
