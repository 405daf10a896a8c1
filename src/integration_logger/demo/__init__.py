"""A sample host to try integration-logger with: a shop, and the traffic of its partners from another process."""
