"""The spool: local files that take every entry before its call is complete, and survive ``kill -9``."""
