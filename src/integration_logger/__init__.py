"""A trustworthy log of every call that a web application has with the outside world."""
