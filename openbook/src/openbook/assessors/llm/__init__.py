"""Asking a language model: prompts, providers, money, and what to believe of the replies."""
