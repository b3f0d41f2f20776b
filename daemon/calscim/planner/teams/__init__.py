"""Who belongs to which team, with which role."""
