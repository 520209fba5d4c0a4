"""Where it is computed: devices, memory, several processes."""
