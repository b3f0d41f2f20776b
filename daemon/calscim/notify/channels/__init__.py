"""The channels: one module for each way to reach an operator."""
