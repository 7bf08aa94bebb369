/* Runs: what is recorded from a begin to its end, be it a round of a model that vmprof calls, or
 * an invocation that a user's program makes. */
#include "recorder.h"

static void switch_counters(const vmprof_recorder *recorder, int on) {
  if (recorder->num_sources == 0) return;
  if (on) {
    vmprof_team_enable(recorder->team);
  } else {
    vmprof_team_disable(recorder->team);
  }
}

int vmprof_run_begin(vmprof_recorder *recorder) {
  vmprof_record *run =
      vmprof_new_record(recorder, VMPROF_RUN_SITE, vmprof_thread_number(), /*parent=*/-1);
  if (run == NULL) return -1;
  switch_counters(recorder, 1);
  recorder->outside = vmprof_here;
  vmprof_here = (vmprof_work){recorder, recorder->sources, vmprof_record_number(recorder, run),
                              /*runs=*/1};
  run->begin_ns = vmprof_clock_ns();
  vmprof_open_window(recorder, recorder->sources, run, /*whole_run=*/1);
  return 0;
}

int vmprof_run_end(vmprof_recorder *recorder, int failed) {
  if (vmprof_here.recorder != recorder || !vmprof_here.runs) return 0;
  /* Calls that were told to begin and not to end raised. */
  for (vmprof_record *each = vmprof_call_innermost(recorder); each != NULL;
       each = vmprof_call_innermost(recorder)) {
    vmprof_call_close(recorder, each, /*failed=*/1);
  }
  vmprof_record *run = vmprof_record_at(recorder, vmprof_here.open);
  vmprof_close_window(recorder, recorder->sources, run, /*whole_run=*/1);
  if (!(recorder->mode & VMPROF_TIME)) run->end_ns = vmprof_clock_ns();
  vmprof_here = recorder->outside;
  switch_counters(recorder, 0);
  run->failed = failed;
  return 1;
}
