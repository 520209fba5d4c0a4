"""What a run leaves: dataclasses as JSON, files that are whole, directories with an owner."""
