"""The NumPy functions that can be recorded, by NumPy's own chapters."""
