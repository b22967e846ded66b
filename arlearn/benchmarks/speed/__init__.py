"""Speed and memory against the usual dense layer: what `arlearn bench step`, `generate` and `maps` run."""
