"""ps2: other baselines."""
