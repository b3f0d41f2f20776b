"""The reconciler's tables."""
