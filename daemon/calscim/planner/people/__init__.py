"""Plan organization memberships, roles, and addresses."""
