"""ps3: how many steps."""
