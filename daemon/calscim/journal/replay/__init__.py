"""Users, groups and members, rebuilt from the journal alone."""
