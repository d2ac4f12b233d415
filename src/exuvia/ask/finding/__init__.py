"""From an interpretation to what the memory has on it."""
