"""Simulations of Cal.com and Okta."""
