"""Where a student's code and a student's model run: what they see, what they may use, and the watch over both."""
