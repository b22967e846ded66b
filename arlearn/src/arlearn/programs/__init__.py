"""Programs that a linear next-token predictor runs: one generated token for each step.

The language: ``steps`` (slots, steps, loops), ``builder`` and ``text`` (writing it), ``semantics`` (what it means),
``fitting`` and ``checking`` (every fault of a program), ``loops`` (laying a loop out).
From program to proof: ``compiling``, ``proving`` (with ``combinations``), ``algebra``, ``certificate``.
Written in it: ``arithmetic``, ``circuits``, ``turing_programs`` and ``turing_unrolled`` (machines are in ``turing``),
``universal`` and ``universal_prompts``.
For people: ``prompts`` (inputs and answers), ``tracing``, ``examples``.
"""
