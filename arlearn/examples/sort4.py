def sort4(a, b, c, d):
    """Four bits in ascending order, by a sorting network. --inputs "a:0..1,b:0..1,c:0..1,d:0..1" """
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a > c:
        a, c = c, a
    if b > d:
        b, d = d, b
    if b > c:
        b, c = c, b
    return a, b, c, d
