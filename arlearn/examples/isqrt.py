def isqrt(n):
    """The largest number whose square is at most n. --inputs "n:0..9999" """
    root = 0
    while (root + 1) * (root + 1) <= n:
        root += 1
    return root
