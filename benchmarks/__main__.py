"""Measure everything, then write the tables into README.md. The study of map errors takes most of the hour."""

from benchmarks import map_error, memory, report, speed

for part in (speed, memory, map_error, report):
    part.main()
