/* The header of every C file here: the public declarations and what they need. */
#ifndef VMPROF_H_
#define VMPROF_H_

#include <stddef.h>
#include <stdint.h>

#include "api.h"

/* What all sources begin with; each kind puts its own data behind it. */
struct vmprof_source {
  int values;
  void (*sample)(vmprof_source *source, vmprof_sample *sample);
  void (*read)(vmprof_source *source, vmprof_sample *sample);
  int (*enable)(vmprof_source *source);
  int (*disable)(vmprof_source *source);
  /* By the counted thread once it counts: which way of sampling is the cheapest. */
  void (*settle)(vmprof_source *source);
  /* The same, disabled, for the calling thread; NULL with an event's number and -errno
   * if that fails. Without this function it is a thing of the running thread alone. */
  vmprof_source *(*clone)(const vmprof_source *source, int64_t problem[2]);
  void (*close)(vmprof_source *source);
};

static inline uint64_t vmprof_sample_size(int values) {
  return sizeof(vmprof_sample) + (uint64_t)values * sizeof(uint64_t);
}

#endif /* VMPROF_H_ */
