"""The one device, where every array is."""

from __future__ import annotations

Device = str

CPU: Device = "cpu"


def check_device(device: object) -> None:
    """Raise ValueError for a device that is not ours."""
    if device is not None and device != CPU:
        raise ValueError(f"expected the device {CPU!r} or None, got {device!r}; leave it out")
