"""The paper's chain of thought for multiplication: 307 tokens for 4 digits, 11 given and 296 generated.

Malach (ICML 2024), experiment 2, as far as it is described: both factors are expanded into digit x power of ten, all
partial products are listed with joined ``ixj`` tokens, and the sequence ends in the product, most significant digit
first. The order of the parts and their separators are ours, chosen so that 4 digits give exactly 307 tokens; unlike
the public reference code, all numbers of n digits occur, and every number in the sum has room for 2n digits. With
n digits the parts are

    prompt       <s> a x b =                                                         2n + 3
    expansion    ( d x 10^k + ... ) x ( d x 10^k + ... ) =                           8n + 4
    pairs        ixj 10^k + ... =              every pair of digits, largest first   3n^2
    products     d d 10^k + ... ; ... ;        their values, a line for each row     4n^2 + n
    sums         = d d ... d                   the running total after each product  n^2 (2n + 1)

and the last running total is the product.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arlearn.tasks.alphabet import Alphabet, Column, Sort, digits, pairs, signs
from arlearn.tasks.formats import Digits, Format


def paper_format(n: int) -> Format:
    """The format for factors of n digits."""
    powers = Sort("power", tuple(f"10^{k}" for k in range(2 * n - 1)))
    alphabet = Alphabet([digits(), *signs("<s>", "x", "=", "+", "(", ")", ";"), powers, pairs()])

    def columns(a: Digits, b: Digits) -> list[Column]:
        zero = torch.zeros_like(a[:, 0])
        places = list(reversed(range(n)))
        written: list[Column] = []

        def sign(word: str) -> None:
            written.append(Column(word, zero))

        def value(sort: str, values: Tensor | int) -> None:
            written.append(Column(sort, zero + values))

        sign("<s>")
        for number, end in ((a, "x"), (b, "=")):
            for k in places:
                value("digit", number[:, k])
            sign(end)
        for number, end in ((a, "x"), (b, "=")):
            sign("(")
            for k in places:
                value("digit", number[:, k])
                sign("x")
                value("power", k)
                sign("+" if k else ")")
            sign(end)
        for i in places:
            for j in places:
                value("pair", 10 * a[:, i] + b[:, j])
                value("power", i + j)
                sign("+" if i or j else "=")
        for i in places:
            for j in places:
                value("digit", a[:, i] * b[:, j] // 10)
                value("digit", a[:, i] * b[:, j] % 10)
                value("power", i + j)
                sign("+")
            sign(";")
        total = zero
        for i in places:
            for j in places:
                total = total + a[:, i] * b[:, j] * 10 ** (i + j)
                sign("=")
                for k in reversed(range(2 * n)):
                    value("digit", total // 10**k % 10)
        return written

    sample = torch.zeros((1, n), dtype=torch.int64)
    length = len(columns(sample, sample))
    return Format(alphabet, 2 * n + 3, columns, list(range(length - 2 * n, length)))
