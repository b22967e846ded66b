"""Evaluation: how good a predictor is."""
