/* TVM's parallel launches, seen from inside: what each thread does of a kernel's work.
 *
 * A kernel library calls TVM's launch function through a pointer of its own. While a
 * model is profiled that pointer leads here. On a thread that runs no model for a
 * recorder the launch goes straight on; otherwise it gets a record, and so does each
 * of its tasks, with readings of the thread that does the task, taken by that thread.
 * What a worker does between tasks is in no record. */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* tvm/runtime/c_backend_api.h; the environment is for the kernel alone. */
typedef int (*parallel_task)(int task, void *environment, void *data);
typedef int (*parallel_launch)(parallel_task task, void *data, int num_tasks);

/* TVM's. There is one in a process; known before any slot leads here. */
static _Atomic(parallel_launch) original;

/* What a task of ours is told instead of the kernel's data. */
typedef struct {
  parallel_task task;
  void *data;
  vmprof_recorder *recorder;
  const vmprof_work *launcher; /* of the thread that launches */
  int64_t record;              /* of the launch */
} launched_work;

/* A task of the thread that launches. */
static int own_task(const launched_work *launched, vmprof_record *record, int task,
                    void *environment) {
  vmprof_recorder *recorder = launched->recorder;
  vmprof_work *here = &vmprof_here;
  here->open = vmprof_record_number(recorder, record);
  vmprof_open_own_task(recorder, record);
  const int code = launched->task(task, environment, launched->data);
  if (here->recorder != recorder) return code;
  vmprof_close_own_task(recorder, here->sources, record,
                        vmprof_record_at(recorder, launched->record));
  here->open = launched->record;
  return code;
}

/* A task on another thread, which may have done anything before. */
static int workers_task(const launched_work *launched, vmprof_record *record, int task,
                        void *environment) {
  vmprof_recorder *recorder = launched->recorder;
  vmprof_work *here = &vmprof_here;
  const vmprof_work outside = *here;
  *here = (vmprof_work){
      .recorder = recorder,
      .sources = recorder->num_sources ? vmprof_team_sources(recorder->team) : NULL,
      .open = vmprof_record_number(recorder, record),
  };
  vmprof_open_window(recorder, here->sources, record, /*whole_run=*/0);
  const int code = launched->task(task, environment, launched->data);
  vmprof_close_window(recorder, here->sources, record, /*whole_run=*/0);
  *here = outside;
  return code;
}

/* Instead of each task. The record is complete before TVM learns that the task is done,
 * so before the launch ends. */
static int recorded_task(int task, void *environment, void *data) {
  const launched_work *launched = data;
  vmprof_record *record = vmprof_new_record(launched->recorder, VMPROF_TASK_SITE,
                                            vmprof_thread_number(), launched->record);
  if (record == NULL) return launched->task(task, environment, launched->data);
  const int own = &vmprof_here == launched->launcher;
  const int code = own ? own_task(launched, record, task, environment)
                       : workers_task(launched, record, task, environment);
  record->failed = code != 0;
  return code;
}

static int recorded_launch(parallel_task task, void *data, int num_tasks) {
  vmprof_work *here = &vmprof_here;
  vmprof_recorder *recorder = here->recorder;
  const parallel_launch launch = atomic_load_explicit(&original, memory_order_relaxed);
  if (recorder == NULL || !(recorder->mode & VMPROF_TASKS)) return launch(task, data, num_tasks);
  vmprof_record *record =
      vmprof_new_record(recorder, VMPROF_LAUNCH_SITE, vmprof_thread_number(), here->open);
  if (record == NULL) {
    return recorder->drops ? launch(task, data, num_tasks) : vmprof_raise_full();
  }

  launched_work launched = {task, data, recorder, here, vmprof_record_number(recorder, record)};
  here->open = launched.record;
  vmprof_open_launch(recorder, here->sources, record);
  const int code = launch(recorded_task, &launched, num_tasks);
  if (here->recorder != recorder) return code; /* in the child of a fork: see invocation.c */
  vmprof_close_window(recorder, here->sources, record, /*whole_run=*/0);
  here->open = record->parent;
  record->failed = code != 0;
  if (code == 0 && !recorder->drops && vmprof_recorder_is_full(recorder)) {
    return vmprof_raise_full();
  }
  return code;
}

/* ---- slots -------------------------------------------------------------------- */

typedef struct {
  char **names;
  int count;
  int room;
} library_names;

static int add_name(struct dl_phdr_info *info, size_t size, void *data) {
  library_names *found = data;
  (void)size;
  if (found->count == found->room) {
    const int room = found->room ? 2 * found->room : 128;
    char **more = realloc(found->names, (size_t)room * sizeof *more);
    if (more == NULL) return 1;
    found->names = more;
    found->room = room;
  }
  found->names[found->count] = strdup(info->dlpi_name);
  if (found->names[found->count] != NULL) found->count += 1;
  return 0;
}

/* Of all loaded libraries; libraries must not be opened while they are listed. */
static library_names loaded_libraries(void) {
  library_names found = {0};
  dl_iterate_phdr(add_name, &found);
  return found;
}

static void free_names(library_names *found) {
  while (found->count > 0) free(found->names[--found->count]);
  free(found->names);
}

/* The symbol, as the loaded library `name` sees it, and a handle of the library. */
static void *lookup(const char *name, const char *symbol, void **library) {
  *library = name[0] ? dlopen(name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
  if (*library == NULL) return NULL;
  void *address = dlsym(*library, symbol);
  if (address == NULL) dlclose(*library);
  return address;
}

void *vmprof_tvm_launch(void) {
  library_names found = loaded_libraries();
  void *address = NULL;
  void *library;
  for (int i = 0; i < found.count && address == NULL; ++i) {
    address = lookup(found.names[i], "TVMBackendParallelLaunch", &library);
    if (address != NULL) dlclose(library);
  }
  free_names(&found);
  if (address != NULL) atomic_store(&original, (parallel_launch)address);
  return address;
}

int vmprof_launch_slots(vmprof_launch_slot *slots, int room) {
  library_names found = loaded_libraries();
  int count = 0;
  for (int i = 0; i < found.count; ++i) {
    void *library;
    void **slot = lookup(found.names[i], "__TVMBackendParallelLaunch", &library);
    if (slot == NULL) continue;
    if (count < room) {
      slots[count] = (vmprof_launch_slot){slot, library};
    } else {
      dlclose(library);
    }
    count += 1;
  }
  free_names(&found);
  return count;
}

void vmprof_launch_slots_release(vmprof_launch_slot *slots) {
  for (; slots->library != NULL; ++slots) dlclose(slots->library);
}

void *vmprof_recorded_launch(void) { return (void *)recorded_launch; }

int vmprof_exchange(void **slot, void *expected, void *replacement) {
  return __atomic_compare_exchange_n(slot, &expected, replacement, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}
