# Flips pancakes: small integers in lists.
def fannkuch(n):
    order, count = list(range(n)), [0] * n
    most = checksum = permutation = 0
    r = n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        if order[0] != 0 and order[n - 1] != n - 1:
            flips, pancakes = 0, order[:]
            top = pancakes[0]
            while top:
                pancakes[: top + 1] = pancakes[top::-1]
                flips += 1
                top = pancakes[0]
            most = max(most, flips)
            checksum += flips if permutation % 2 == 0 else -flips
        permutation += 1
        while True:
            if r == n:
                return most, checksum
            order.insert(r, order.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1


print(fannkuch(7))
