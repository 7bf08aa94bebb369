/* Ticks of the processor's time counter, which runs at a constant rate on any
 * machine, with a PMU or without.
 *
 *     cc -O2 -shared -fPIC -I "$(vmprof --include)" collector.c -o collector.so
 *     vmprof run mlp --collector ./collector.so */
#include "vmprof_collector.h"

static const char *const names[] = {"Ticks"};

static void *open_ticks(char *problem, size_t problem_size) {
  (void)problem, (void)problem_size;
  return (void *)names; /* nothing to keep: any address says that it opened */
}

static int read_ticks(void *self, uint64_t *values) {
  (void)self;
#if defined(__x86_64__)
  values[0] = __builtin_ia32_rdtsc();
#else
  __asm__ volatile("mrs %0, CNTVCT_EL0" : "=r"(values[0]));
#endif
  return 0;
}

static void close_ticks(void *self) { (void)self; }

const vmprof_collector vmprof_collector_v1 = {
    .count = 1,
    .names = names,
    .open = open_ticks,
    .read = read_ticks,
    .close = close_ticks,
};
