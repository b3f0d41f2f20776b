"""Who belongs to the organization, with which role and address."""
