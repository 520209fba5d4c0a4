"""Write models as GGUF files, for llama.cpp."""
