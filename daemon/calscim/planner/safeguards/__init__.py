"""What is held, deferred or left alone."""
