"""A scripted Okta."""
