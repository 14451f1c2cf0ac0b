"""The explorer: one HTML page on which a photo, a baseline, alpha and the number of steps are chosen by hand."""
