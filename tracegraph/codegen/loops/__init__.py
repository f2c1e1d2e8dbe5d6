"""Transformations of loop programs, one per file: each is a function ``Program -> Program``."""
