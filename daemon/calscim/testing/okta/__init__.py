"""A simulated Okta."""
