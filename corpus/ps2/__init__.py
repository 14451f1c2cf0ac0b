"""Hand-ins for ps2: by the kit's authors in `hand_ins`, and in `unseen/` by authors who had not seen the checks."""
