/* What holds for every kind of source: see group.c and collector.c. */
#include "vmprof.h"

#include <errno.h>

int vmprof_source_values(const vmprof_source *source) { return source->values; }

void vmprof_source_read(vmprof_source *source, vmprof_sample *sample) {
  source->read(source, sample);
}

void vmprof_source_sample(vmprof_source *source, vmprof_sample *sample) {
  source->sample(source, sample);
}

int vmprof_source_enable(vmprof_source *source) {
  const int code = source->enable(source);
  source->settle(source);
  return code;
}

int vmprof_source_disable(vmprof_source *source) { return source->disable(source); }
void vmprof_source_close(vmprof_source *source) {
  if (source == NULL || vmprof_is_ending()) return;
  vmprof_run_abandon(source);
  source->close(source);
}

vmprof_source *vmprof_source_clone(const vmprof_source *source, int64_t problem[2]) {
  problem[0] = 0;
  problem[1] = -ENOSYS;
  return source->clone != NULL ? source->clone(source, problem) : NULL;
}
