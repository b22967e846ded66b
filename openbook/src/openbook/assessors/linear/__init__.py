"""The default assessor: a linear model over sentences, offline."""
