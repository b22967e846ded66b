"""Assessing papers: one by one, or a batch that can be interrupted and taken up again."""
