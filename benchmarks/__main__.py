"""Measure everything, then write the tables into README.md. The adaptive study takes most of the hour."""

from benchmarks import adaptive, memory, report, speed

for part in (speed, memory, adaptive, report):
    part.main()
