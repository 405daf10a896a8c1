"""What earlier versions left behind: databases and spool segments, kept for ever, and read by every later version."""
