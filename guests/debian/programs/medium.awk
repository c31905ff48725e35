# Writes a C program of a middling size: loops, switches, structs, calls, floating point.
BEGIN {
    print "struct node { int key; double weight; struct node *left, *right; };"
    for (i = 0; i < 8; i++) {
        printf "int f%d(struct node *n, int a, int b)\n{\n    int s = %d;\n", i, i * 7
        printf "    for (int i = a; i < b; i++) {\n        switch ((i + s) %% %d) {\n", 4 + i % 5
        for (j = 0; j < 4 + i % 5; j++)
            printf "        case %d: s += i * %d + (n ? n->key : %d); break;\n", j, i + j + 3, j
        print "        }\n        if (n && s > n->key)\n            n = s & 1 ? n->left : n->right;"
        if (i > 0)
            printf "        if (i %% 17 == 3) s ^= f%d(n, i, i + %d);\n", i - 1, i % 3 + 1
        print "    }\n    if (n)\n        n->weight = n->weight * 0.5 + s / 3.0;\n    return s;\n}"
    }
}
