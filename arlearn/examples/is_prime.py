def is_prime(n):
    """Whether n is prime, by trial division. --inputs "n:0..9999" """
    if n < 2:
        return False
    divisor = 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            return False
        divisor += 1
    return True
