/* Work whose counts are known, to find out whether a counter tells the truth. */
#include "vmprof.h"

void vmprof_known_loop(uint64_t iterations) {
  if (iterations == 0) return;
#if defined(__x86_64__)
  __asm__ volatile(
      ".p2align 4\n"
      "1:\n"
      "sub $1, %0\n"
      "jnz 1b\n"
      : "+r"(iterations)
      :
      : "cc");
#elif defined(__aarch64__)
  __asm__ volatile(
      ".p2align 4\n"
      "1:\n"
      "subs %0, %0, #1\n"
      "b.ne 1b\n"
      : "+r"(iterations)
      :
      : "cc");
#endif
}

/* xorshift64 (Marsaglia, 2003). */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

uint64_t vmprof_stir(uint64_t *words, uint64_t count, uint64_t steps) {
  uint64_t state = 88172645463325252u;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) words[i] = next_random(&state);
  uint64_t at = 0;
  for (uint64_t step = 0; step < steps; ++step) {
    const uint64_t word = words[at];
    /* The empty statement keeps compilers from making the branch a select. */
    if (word & 1) {
      __asm__ volatile("" ::: "memory");
      sum += word;
    } else {
      __asm__ volatile("" ::: "memory");
      sum ^= step;
    }
    at = (word + sum) % count;
  }
  return sum;
}
