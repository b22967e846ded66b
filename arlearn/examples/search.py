PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)


def search(x):
    """Where x stands among the first 16 primes, or -1, by halving. --inputs "x:0..60" """
    low, high = 0, len(PRIMES) - 1
    while low <= high:
        middle = (low + high) // 2
        if PRIMES[middle] == x:
            return middle
        if PRIMES[middle] < x:
            low = middle + 1
        else:
            high = middle - 1
    return -1
