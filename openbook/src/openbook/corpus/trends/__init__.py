"""What a set of records says by venue, year, affiliation and variable: raw, corrected for error, and without suspects."""
