# Objects that call each other: method calls, attributes, inheritance.
class Account:
    def __init__(self, number):
        self.number, self.balance = number, 1000

    def fee(self):
        return 1

    def move(self, other, amount):
        self.balance -= amount + self.fee()
        other.receive(amount)

    def receive(self, amount):
        self.balance += amount


class Free(Account):
    def fee(self):
        return 0


accounts = [(Free if i % 3 else Account)(i) for i in range(100)]
for i in range(40000):
    accounts[i % 100].move(accounts[i * 7 % 100], i % 10)
print(sum(a.balance for a in accounts), accounts[42].balance)
