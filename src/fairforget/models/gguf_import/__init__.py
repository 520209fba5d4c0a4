"""Read GGUF files: check them, and convert them so that they load like any other model."""
