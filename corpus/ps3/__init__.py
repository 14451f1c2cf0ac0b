"""Hand-ins for ps3: by the kit's authors in `hand_ins`, and in `unseen/` by authors who had not seen the checks."""
