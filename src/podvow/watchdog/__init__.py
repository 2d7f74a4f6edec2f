"""A small process of its own that brings nodes back if the driver dies while they are frozen or without power."""
