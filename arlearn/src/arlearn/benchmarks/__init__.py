"""Measurements of speed and memory that anyone can repeat: ratios within one run, medians of alternating steps."""
