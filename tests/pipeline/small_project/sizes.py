"""A module that only another module of this folder imports."""

HIDDEN = 48
