def collatz(n):
    """How many steps lead from n to 1. --inputs "n:1..255" """
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps
