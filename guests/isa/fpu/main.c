// Coprocessor 1, in both register models.

#include "console.h"
#include "cp0.h"
#include "fpu.h"

void set_fr(bool fr)
{
    CP0_WRITE(12, 0, STATUS_CU1 | (fr ? STATUS_FR : 0));
    __asm__ volatile("ctc1 $0, $31");
}

const char *named(const char *name, bool fr)
{
    static char text[32];
    if (!fr)
        return name;
    char *to = text;
    while (*name)
        *to++ = *name++;
    for (const char *s = " fr1"; *s;)
        *to++ = *s++;
    *to = 0;
    return text;
}

int main(void)
{
    chapter("fpu");
    for (int fr = 0; fr < 2; fr++) {
        set_fr(fr);
        registers(fr);
        arithmetic(fr);
        conversions(fr);
    }
    set_fr(false);
    control();
    comparisons();
    programs();
    set_fr(true);
    programs();
    report_end();
    return 0;
}
