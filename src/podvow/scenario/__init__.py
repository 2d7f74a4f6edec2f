"""Scenarios as data, the scheduler that orders them, the driver that runs and records them."""
