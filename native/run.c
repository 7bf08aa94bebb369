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

/* ---- what an interrupt may leave behind -------------------------------------------- */

/* Whether `recorder` is one, or has one, that goes. */
static int goes(const vmprof_recorder *recorder, const void *one) {
  if (recorder == NULL) return 0;
  if (recorder == one || recorder->team == one) return 1;
  for (int i = 0; i < recorder->num_sources; ++i) {
    if (recorder->sources[i] == one) return 1;
  }
  return 0;
}

void vmprof_run_abandon(const void *one) {
  while (vmprof_here.runs && goes(vmprof_here.recorder, one)) {
    vmprof_run_end(vmprof_here.recorder, /*failed=*/1);
  }
  if (!vmprof_here.runs) return;
  /* Those that the thread would return to. */
  for (vmprof_recorder *each = vmprof_here.recorder; each != NULL;
       each = each->outside.recorder) {
    while (goes(each->outside.recorder, one)) {
      each->outside = each->outside.recorder->outside;
    }
  }
}

/* ---- a run ---------------------------------------------------------------------------- */

int vmprof_run_is_open(void) { return vmprof_here.runs; }

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

int vmprof_run(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args < 2 || args[0].type_index != kTVMFFIInt || args[1].type_index != kTVMFFIFunction) {
    TVMFFIErrorSetRaisedFromCStr("TypeError", "vmprof.run takes a recorder and a packed function");
    return -1;
  }
  vmprof_recorder *recorder = (vmprof_recorder *)(intptr_t)args[0].v_int64;
  if (vmprof_run_begin(recorder) != 0) return vmprof_raise_full();
  const int code =
      TVMFFIFunctionCall(args[1].v_obj, (TVMFFIAny *)(args + 2), num_args - 2, result);
  vmprof_run_end(recorder, code != 0);
  return code;
}
