"""Messages and progress bars on stderr."""
