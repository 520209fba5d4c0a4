"""Models: found, checked, loaded, told apart, saved, pushed."""
