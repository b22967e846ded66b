"""Records, answers, evidence and runs."""
