"""The one exception of this package."""


class TwinError(Exception):
    """No faithful twin of a function can be made.

    Causes: its source is not available (built by `exec`, typed at a prompt that keeps no source),
    the file changed after it was imported, or a tool rewrote the function while importing it.
    Fix: define the function in a file or notebook cell, and reload the module after editing it.
    """

    def __init__(self, reason: str, filename: str, line: int) -> None:
        super().__init__(reason, filename, line)
        self.reason = reason
        self.filename = filename
        self.line = line

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}: {self.reason}"
