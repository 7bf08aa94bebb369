/* What one reading costs: loops in C, so that no Python is in the figures. */
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds per reading of the clock. */
double time_clock(int calls) {
  double sum = 0;
  const double began = now_ns();
  for (int i = 0; i < calls; ++i) sum += now_ns();
  return sum > 0 ? (now_ns() - began) / calls : -1;
}

/* Nanoseconds per call of vmprof_source_sample, or of anything called like it. */
double time_sample(void (*sample)(void *, void *), void *source, void *target, int calls) {
  const double began = now_ns();
  for (int i = 0; i < calls; ++i) sample(source, target);
  return (now_ns() - began) / calls;
}

/* Nanoseconds per read() of `size` bytes of `fd`; negative if one fails. */
double time_read(int fd, uint64_t size, int calls) {
  uint64_t buffer[64];
  const double began = now_ns();
  for (int i = 0; i < calls; ++i) {
    if (read(fd, buffer, size) != (int64_t)size) return -1;
  }
  return (now_ns() - began) / calls;
}

/* Nanoseconds per `papi_read` of an event set, which is PAPI_read; negative if one fails. */
double time_papi(int (*papi_read)(int, long long *), int events, int calls) {
  long long values[64];
  const double began = now_ns();
  for (int i = 0; i < calls; ++i) {
    if (papi_read(events, values) != 0) return -1;
  }
  return (now_ns() - began) / calls;
}
