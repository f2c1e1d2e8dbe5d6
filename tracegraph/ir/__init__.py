"""The graph language: types, operations, derivatives and passes. Imports nothing but NumPy."""
