/* What one reading costs: loops in C, so that no Python is in the figures. */
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
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

#if __has_include(<papi.h>)
#include <papi.h>

static int papi_events = PAPI_NULL;

/* Counts `names` with PAPI from now on; 0, or PAPI's error. */
int papi_begin(const char *const *names, int count) {
  int code = PAPI_library_init(PAPI_VER_CURRENT);
  if (code != PAPI_VER_CURRENT) return code < 0 ? code : PAPI_EINVAL;
  code = PAPI_create_eventset(&papi_events);
  for (int i = 0; code == PAPI_OK && i < count; ++i) {
    code = PAPI_add_named_event(papi_events, names[i]);
  }
  return code == PAPI_OK ? PAPI_start(papi_events) : code;
}

const char *papi_error(int code) { return PAPI_strerror(code); }

/* Nanoseconds per PAPI_read; negative if one fails. */
double time_papi(int calls) {
  long long values[64];
  const double began = now_ns();
  for (int i = 0; i < calls; ++i) {
    if (PAPI_read(papi_events, values) != PAPI_OK) return -1;
  }
  return (now_ns() - began) / calls;
}
#endif
