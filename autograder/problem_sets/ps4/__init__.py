"""ps4: an objective measure."""
