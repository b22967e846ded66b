DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days(year, month):
    """How many days the month has. --inputs "year:1583..2999,month:1..12" """
    if month == 2 and is_leap(year):
        return 29
    return DAYS[month - 1]
