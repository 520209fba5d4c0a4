"""The machine: devices, memory, and several processes."""
