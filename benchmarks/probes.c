/* What this machine can do at most: multiply-adds in registers, and a stream through memory. */
#include <stddef.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* Twelve chains hide 4 to 5 cycles of latency on two ports and fit 16 registers. They are
 * variables, not an array: gcc 12 leaves the array on the stack, at a third of the rate. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define CHAINS 12
#define START(c) lanes sum##c = term * (float)c;
#define STEP(c) sum##c = sum##c * factor + term;
#define ADD(c) +sum##c

/* Returns the flops done: two a multiply-add. */
double multiply_add(long steps) {
    const lanes zero = {0};
    const lanes factor = zero + 0.999f, term = zero + 0.001f;
    EACH(START)
    for (long s = 0; s < steps; s++) {
        EACH(STEP)
    }
    const lanes total = EACH(ADD);
    return total[0] == 0.0f ? 0.0 : 2.0 * LANES * CHAINS * (double)steps;
}

/* One read and one write an element, as a layer does; returns the bytes of both. */
double stream(const float *restrict in, float *restrict out, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = 0.5f * in[i];
    return 2.0 * sizeof(float) * (double)count;
}
