/* Runs that a thread makes with a recorder of its own, as rounds of a model are. */
#include "harness.h"

#include <stdlib.h>

static TVMFFIAny run_recorded(const vmprof_recorder *recorder, TVMFFIObjectHandle function,
                              const int *raises) {
  TVMFFIObjectHandle run = harness_global("vmprof.run");
  TVMFFIAny args[3] = {harness_address(recorder),
                       {.type_index = kTVMFFIFunction, .v_obj = function},
                       {.type_index = kTVMFFIInt, .v_int64 = raises != NULL ? *raises : 0}};
  TVMFFIAny result = {.type_index = kTVMFFINone};
  const int code = TVMFFIFunctionCall(run, args, raises != NULL ? 3 : 2, &result);
  CHECK((code != 0) == (raises != NULL));
  if (code != 0) harness_clear_error();
  TVMFFIObjectDecRef(run);
  return result;
}

static void try_one(int number) {
  vmprof_source *group = open_group(/*user_reads=*/number % 2);
  vmprof_source *sources[] = {group};
  vmprof_team *team = vmprof_team_new(sources, 1);
  vmprof_recorder *recorder = vmprof_recorder_new(RECORDS_OF_RUN, 3 + EVENTS);
  CHECK(team != NULL && recorder != NULL);
  model wrapped;
  model_make(&wrapped, recorder);

  CHECK(vmprof_recorder_ready(recorder, VMPROF_COUNT | VMPROF_TASKS, sources, 1, team,
                              RECORDS_OF_RUN) == 0);
  run_recorded(recorder, wrapped.function, NULL);
  CHECK(vmprof_recorder_count(recorder) == RECORDS_OF_RUN);
  check_counts(recorder, 0);

  const int raises = number % KERNELS;
  CHECK(vmprof_recorder_ready(recorder, VMPROF_TIME | VMPROF_TASKS, sources, 1, team, 1) == 0);
  run_recorded(recorder, wrapped.function, &raises);
  CHECK(vmprof_recorder_ready(recorder, VMPROF_TIME | VMPROF_TASKS, sources, 1, team, 1) == 0);
  run_recorded(recorder, wrapped.function, NULL);
  check_times(recorder, 0);

  vmprof_recorder_release(recorder); /* sites still hold it */
  harness_call(wrapped.function, NULL, 0);
  model_drop(&wrapped);
  vmprof_team_release(team);
  vmprof_source_close(group);
}

/* As TVM's VM calls an instrument, around calls of two names that nobody told beforehand. */
static int run_hooked(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  static const char *const names[] = {"known", "new", "newer"};
  (void)args, (void)num_args, (void)result;
  for (int i = 0; i < 3; ++i) {
    TVMFFIAny told[] = {{.type_index = kTVMFFIFunction},
                        {.type_index = kTVMFFIRawStr, .v_c_str = names[i]},
                        {.type_index = kTVMFFIBool, .v_int64 = 1},
                        {.type_index = kTVMFFINone},
                        {.type_index = kTVMFFIRawStr, .v_c_str = "float32"}};
    harness_call(self, told, 5);
    CHECK(told[4].type_index == kTVMFFIDataType);
    told[2].v_int64 = 0;
    harness_call(self, told, 5);
  }
  return 0;
}

static void try_hook(void) {
  const char *const names[] = {"known"};
  vmprof_recorder *recorder = vmprof_recorder_new(16, 0);
  CHECK(vmprof_recorder_ready(recorder, VMPROF_TIME, NULL, 0, NULL, 4) == 0);
  vmprof_hooked *hooked = vmprof_hook_new(recorder, names, 1, 0, /*learn_max=*/2);
  TVMFFIAny address = harness_address(hooked);
  TVMFFIObjectHandle hook = harness_global("vmprof.hook");
  TVMFFIObjectHandle instrument = harness_call(hook, &address, 1).v_obj;
  TVMFFIObjectHandle function = harness_function(instrument, run_hooked);
  run_recorded(recorder, function, NULL);
  CHECK(vmprof_recorder_count(recorder) == 4);
  TVMFFIObjectDecRef(function);
  TVMFFIObjectDecRef(instrument);
  TVMFFIObjectDecRef(hook);
  vmprof_recorder_release(recorder);
}

static void *run_all(void *runs) {
  for (int i = 0; i < *(const int *)runs; ++i) {
    try_one(i);
    try_hook();
  }
  return NULL;
}

void try_runs(int runs) { on_threads(run_all, &runs); }
