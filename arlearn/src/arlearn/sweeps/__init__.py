"""Sweeps: one recipe with several values of some settings, and which of them does best."""
