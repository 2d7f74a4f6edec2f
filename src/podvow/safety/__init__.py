"""Which clusters podvow may touch, and the check that it is still the right one right before every injection."""
