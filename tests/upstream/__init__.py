"""The libraries' own tests, with the logger in front of everything that they make: they should not notice."""
