"""A forward pass that computes only the positions that matter."""
