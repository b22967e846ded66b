"""How far records can be trusted: agreement with labels made by people, stability, and prevalence corrected for error."""
