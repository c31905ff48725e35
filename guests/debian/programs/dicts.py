# Counts words and pairs of numbers: dictionaries, strings, tuples.
words, pairs, x = {}, {}, 1
for i in range(25000):
    x = (x * 1103515245 + 12345) % 2147483648
    word = "w%d" % (x // 65536 % 5000)
    words[word] = words.get(word, 0) + 1
    pairs[x // 65536 % 97, i % 89] = word
print(len(words), len(pairs), max(words.values()), sum(map(len, pairs.values())))
