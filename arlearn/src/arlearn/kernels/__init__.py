"""Causal linear maps over positions, and the softmax cross-entropy behind them."""
