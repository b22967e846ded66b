"""Programs that a linear next-token predictor runs: one generated token for each step.

The language: ``steps`` (slots, steps, laying a loop out), ``builder`` and ``text`` (writing it, examples, which step wrote
a token), ``semantics`` (what it means), ``fitting`` and ``checking`` (every fault of a program).
From program to proof: ``compiling``, ``proving`` (with ``combinations``), ``certificate``.
Written in it: ``arithmetic`` (with its proof by algebra), ``circuits``, ``turing_programs`` (machines are in ``turing``),
``universal`` and ``universal_prompts``, and functions of Python (``python_functions``; ``python_reading`` says which).
For people: ``prompts`` (inputs and answers).
"""
