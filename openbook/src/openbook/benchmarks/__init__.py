"""How fast each stage is, on papers that are given or made up when the benchmark runs."""
