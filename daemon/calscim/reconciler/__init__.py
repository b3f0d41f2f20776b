"""Reconciles Cal.com with the journal: lease, observe, plan, limit, execute."""
