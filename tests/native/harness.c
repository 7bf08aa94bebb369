/* The shim without Python, on many threads: for sanitizers and valgrind.
 *
 *     harness [RUNS [INVOCATIONS]]
 *
 * Each thread makes so many runs and, in sessions, so many invocations. Every count is checked.
 * The exit code is 1 if one is wrong, or if anything is left open. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

atomic_int_fast64_t harness_calls;
static atomic_int failures;

void harness_failed(const char *file, int line, const char *what) {
  if (atomic_fetch_add(&failures, 1) < 10) fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
}

/* ---- packed functions ----------------------------------------------------------- */

TVMFFIAny harness_address(const void *pointer) {
  return (TVMFFIAny){.type_index = kTVMFFIInt, .v_int64 = (int64_t)(intptr_t)pointer};
}

TVMFFIObjectHandle harness_function(void *self, TVMFFISafeCallType call) {
  TVMFFIObjectHandle made = NULL;
  CHECK(TVMFFIFunctionCreate(self, call, NULL, &made) == 0);
  return made;
}

TVMFFIObjectHandle harness_global(const char *name) {
  const TVMFFIByteArray key = {name, strlen(name)};
  TVMFFIObjectHandle found = NULL;
  CHECK(TVMFFIFunctionGetGlobal(&key, &found) == 0 && found != NULL);
  return found;
}

TVMFFIAny harness_call(TVMFFIObjectHandle function, TVMFFIAny *args, int num_args) {
  TVMFFIAny result = {.type_index = kTVMFFINone};
  CHECK(TVMFFIFunctionCall(function, args, num_args, &result) == 0);
  return result;
}

void harness_clear_error(void) {
  TVMFFIObjectHandle error = NULL;
  TVMFFIErrorMoveFromRaised(&error);
  CHECK(error != NULL);
  if (error != NULL) TVMFFIObjectDecRef(error);
}

/* ---- the model -------------------------------------------------------------------- */

static int task(int number, void *environment, void *data) {
  (void)number, (void)environment, (void)data;
  kernel_work(OF_TASK);
  return 0;
}

/* (tensor[, anything]): raises if there is a second argument. */
static int kernel(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)args, (void)result;
  kernel_work(OF_CALL);
  if (num_args > 1) {
    TVMFFIErrorSetRaisedFromCStr("ValueError", "as it was asked to");
    return -1;
  }
  return pool_launch(task, NULL, TASKS);
}

static int run_model(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  const model *of = self;
  (void)result;
  for (int i = 0; i < KERNELS; ++i) {
    int64_t shape[] = {1, i};
    DLTensor tensor = {.ndim = 2, .dtype = {kDLFloat, 32, 1}, .shape = shape};
    TVMFFIAny given[2] = {{.type_index = kTVMFFIDLTensorPtr, .v_ptr = &tensor},
                          {.type_index = kTVMFFINone}};
    TVMFFIAny nothing = {.type_index = kTVMFFINone};
    const int raises = num_args > 0 && args[0].v_int64 == i;
    const int code = TVMFFIFunctionCall(of->kernels[i], given, 1 + raises, &nothing);
    if (code != 0) return code;
  }
  return 0;
}

void model_make(model *made, const vmprof_recorder *root) {
  for (int i = 0; i < KERNELS; ++i) {
    TVMFFIObjectHandle plain = harness_function(NULL, kernel);
    made->kernels[i] = plain;
    if (root == NULL) continue;
    TVMFFIObjectHandle wrap = harness_global("vmprof.wrap");
    TVMFFIAny args[] = {harness_address(root),
                        {.type_index = kTVMFFIInt, .v_int64 = i},
                        {.type_index = kTVMFFIFunction, .v_obj = plain}};
    made->kernels[i] = harness_call(wrap, args, 3).v_obj;
    TVMFFIObjectDecRef(plain);
    TVMFFIObjectDecRef(wrap);
  }
  made->function = harness_function(made, run_model);
}

void model_drop(model *made) {
  TVMFFIObjectDecRef(made->function);
  for (int i = 0; i < KERNELS; ++i) TVMFFIObjectDecRef(made->kernels[i]);
}

/* ---- sources and records ------------------------------------------------------------ */

vmprof_source *open_group(int user_reads) {
  const vmprof_event events[EVENTS] = {{.type = 0, .cpu = -1}, {.type = 0, .config = 1, .cpu = -1}};
  int64_t problem[2];
  vmprof_source *group = vmprof_group_open(events, EVENTS, /*pinned=*/1, user_reads, problem);
  CHECK(group != NULL);
  return group;
}

vmprof_source *open_sampler(void) {
  const vmprof_sampling asked = {.event = {.type = 1, .cpu = -1}, .rate = 997, .ring_size = 1 << 15};
  int64_t problem[2];
  vmprof_source *sampler = vmprof_sampler_open(&asked, problem);
  CHECK(sampler != NULL);
  return sampler;
}

static const vmprof_record *record_at(const vmprof_recorder *recorder, int64_t number) {
  const char *records = vmprof_records(recorder);
  return (const vmprof_record *)(records + (uint64_t)number * vmprof_recorder_stride(recorder));
}

void check_counts(const vmprof_recorder *recorder, int64_t first) {
  uint64_t of_calls = 0, of_tasks = 0;
  for (int64_t i = first; i < first + RECORDS_OF_RUN; ++i) {
    const vmprof_record *record = record_at(recorder, i);
    const vmprof_sample *before = (const vmprof_sample *)(record + 1);
    const vmprof_sample *after =
        (const vmprof_sample *)((const char *)before + vmprof_sample_size(EVENTS));
    CHECK(record->failed == 0);
    CHECK(record->parent < i && (i == first ? record->parent == -1 : record->parent >= first));
    for (int event = 0; event < EVENTS; ++event) {
      const uint64_t change = after->values[event] - before->values[event];
      if (record->site >= 0) {
        CHECK(before->count == EVENTS && after->count == EVENTS);
        of_calls += change;
      } else if (record->site == VMPROF_TASK_SITE) {
        CHECK(before->count == EVENTS && after->count == EVENTS);
        of_tasks += change;
      }
    }
  }
  CHECK(of_calls == EVENTS * KERNELS * (OF_CALL + OF_TASK));
  CHECK(of_tasks == EVENTS * KERNELS * OF_TASK * POOL_WORKERS);
  atomic_fetch_add(&harness_calls, KERNELS);
}

void check_times(const vmprof_recorder *recorder, int64_t first) {
  for (int64_t i = first; i < first + RECORDS_OF_RUN; ++i) {
    const vmprof_record *record = record_at(recorder, i);
    CHECK(record->failed == 0 && record->end_ns >= record->begin_ns && record->begin_ns > 0);
    if (record->site >= 0) {
      const int64_t *words = vmprof_signatures(recorder) + record->signature;
      CHECK(words[0] == 1 && words[2] == 2 && words[3] == 1 && words[4] == record->site);
    }
  }
  atomic_fetch_add(&harness_calls, KERNELS);
}

/* ---- threads --------------------------------------------------------------------------- */

typedef struct {
  void *(*program)(void *);
  void *data;
} thread_work;

static void *serve_thread(void *given) {
  const thread_work *work = given;
  work->program(work->data);
  pool_end();
  return NULL;
}

void on_threads(void *(*program)(void *), void *data) {
  pthread_t threads[THREADS];
  thread_work work = {program, data};
  for (int i = 0; i < THREADS; ++i) {
    CHECK(pthread_create(&threads[i], NULL, serve_thread, &work) == 0);
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
}

static void lead_slot(void *expected, void *replacement) {
  vmprof_launch_slot slots[5] = {0};
  const int count = vmprof_launch_slots(slots, 4);
  CHECK(count == 1);
  for (int i = 0; i < count; ++i) {
    CHECK(vmprof_exchange(slots[i].slot, expected, replacement));
  }
  vmprof_launch_slots_release(slots);
}

int main(int count, char **words) {
  const int runs = count > 1 ? atoi(words[1]) : 200;
  const int invocations = count > 2 ? atoi(words[2]) : 2000;
  CHECK(vmprof_register_functions() == 0);
  kernel_play();
  lead_slot(vmprof_tvm_launch(), vmprof_recorded_launch());
  try_runs(runs);
  try_session(invocations);
  lead_slot(vmprof_recorded_launch(), vmprof_tvm_launch());
  CHECK(kernel_open() == 0);
  printf("%lld calls on %d threads, of %d tasks each, were checked: %d failures\n",
         (long long)atomic_load(&harness_calls), THREADS, TASKS, atomic_load(&failures));
  return atomic_load(&failures) != 0;
}
