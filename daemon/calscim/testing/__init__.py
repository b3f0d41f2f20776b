"""Simulated vendors."""
