def gcd(a, b):
    """The greatest common divisor, after Euclid. --inputs "a:0..255,b:0..255" """
    while b:
        a, b = b, a % b
    return a
