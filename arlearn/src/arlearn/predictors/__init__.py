"""Predictors: tokens -> logits of the next token."""
