"""Training: recipes, the loop that follows them, and the checkpoints it can be resumed from."""
