"""Plan team memberships and team roles."""
