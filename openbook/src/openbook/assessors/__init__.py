"""Assessors answer the nine variables for a paper; ``base`` says what they promise."""
