"""From the spool to the store: whatever carries entries there, away from the host's requests."""
