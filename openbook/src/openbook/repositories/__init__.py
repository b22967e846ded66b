"""A paper's code repository, held against what reviewers ask of released code. Nothing in it is run."""
