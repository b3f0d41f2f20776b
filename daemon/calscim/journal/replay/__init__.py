"""Users, groups and members as the journal alone gives them."""
