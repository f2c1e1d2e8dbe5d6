"""Names of other libraries for what tracegraph has: a program moves by changing its imports."""
