"""Checks a paper's code repository for what reviewers ask of released code. Nothing in it is run."""
