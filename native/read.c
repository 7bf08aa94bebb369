/* The readings that stand at both ends of a measured window. */
#include "vmprof.h"

#include <time.h>

int64_t vmprof_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void vmprof_group_read(int leader_fd, int events, vmprof_sample *sample) {
  const uint64_t size = sizeof(vmprof_sample) + (uint64_t)events * sizeof(uint64_t);
  /* A leader in error state (pinned, not scheduled) reads 0 bytes: a count that
   * does not exist must not be taken for one. */
  if (vmprof_syscalls.read(leader_fd, sample, size) != (int64_t)size) {
    sample->count = 0;
  }
}
