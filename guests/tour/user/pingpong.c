// Two processes that do not yield: the timer takes the CPU from one and gives it to the other.
//
// Each works on, checking every result, until it has been stopped often enough; so it is known
// that registers, HI and LO included, survive. Nobody else can run meanwhile, hence they alternate.

#include "user.h"

enum { STOPS = 4 };

static uint32_t primes_below(uint32_t limit)
{
    uint32_t primes = 0;
    for (uint32_t n = 2; n < limit; n++) {
        uint32_t d = 2;
        while (d * d <= n && n % d)
            d++;
        primes += d * d > n;
    }
    return primes;
}

// 64-bit products modulo a prime: works HI and LO.
static uint32_t power_of_three(uint32_t exponent)
{
    uint32_t result = 1;
    while (exponent--) {
        uint64_t product = (uint64_t)result * 3 + ((uint64_t)result << 20);
        result = (uint32_t)product ^ (uint32_t)(product >> 32) * 2246822519u;
    }
    return result;
}

static int work(uint32_t (*job)(uint32_t), uint32_t size, uint32_t stops_before)
{
    uint32_t expected = job(size);
    do {
        if (job(size) != expected)
            return 1;
    } while (count(COUNT_PREEMPTED) - stops_before < STOPS);
    return 0;
}

int main(void)
{
    while (count(COUNT_RUNNABLE) > 1)
        yield();                       // until init has come to its wait, so that we are alone
    close(open("turns", true));        // the kernel writes down who had to stop; start afresh
    uint32_t stops = count(COUNT_PREEMPTED);
    int other = spawn();
    if (other == 0)
        exit(work(power_of_three, 500, 0));
    int wrong = work(primes_below, 500, stops), status;
    wait(&status);

    uint8_t turns[2 * STOPS] = { 0 };
    int file = open("turns", false);
    int n = read(file, turns, sizeof turns);
    close(file);
    printf("   who was stopped by the timer:");
    for (int i = 0; i < n; i++)
        printf(" %c", turns[i] == other ? 'B' : turns[i] == getpid() ? 'A' : '?');
    printf("\n   A counted %u primes below 500 over and over, always right: %s\n",
           primes_below(500), yes(wrong == 0));
    printf("   B multiplied, 64 bits wide, always right: %s\n", yes(status == 0));
    return 0;
}
