"""ps1: attribute a label."""
