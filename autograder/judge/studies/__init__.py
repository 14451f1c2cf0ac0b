"""What is handed in as a study: reading it, and judging each of its parts."""
