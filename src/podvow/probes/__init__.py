"""Questions to the cluster whose answers no source streams."""
