"""Programs that a linear next-token predictor runs: one generated token for each step.

``steps`` is the language, ``building`` a pleasant way to write it, ``checking`` finds every fault of a program,
``compiling`` turns it into a predictor with exact weights, ``proving`` proves those weights right for every input.
``arithmetic``, ``circuits`` and ``turing`` are what has been written in it.
"""
