"""The loop between journal and Cal.com: claim, observe, plan, guard, perform."""
