"""Hand-ins for ps4: by the kit's authors in `hand_ins`, and in `unseen/` by authors who had not seen the checks."""
