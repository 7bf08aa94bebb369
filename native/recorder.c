/* The recorder: packed functions that stand between the dispatch loop and a
 * kernel, read clock or counters around it and keep one record per call.
 *
 * Inside a window, from the first reading to the last, runs the kernel and
 * nothing of ours. Records and signatures lie in memory that is reserved once,
 * at its full size, and touched before a run: nothing ever grows. */
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <tvm/ffi/c_api.h>

/* Room for signatures per record, in words: three tensors of rank five. Calls
 * whose shapes equal those of their site's last call share a signature. */
#define SIGNATURE_WORDS_PER_RECORD 22
/* Room for births and deaths of storages per record: with a buffer half full of them, each
 * call may make one that dies. */
#define STORAGE_EVENTS_PER_RECORD 4

_Thread_local vmprof_work vmprof_here;

typedef struct {
  vmprof_recorder *recorder;
  TVMFFIObjectHandle kernel;
  vmprof_site site;
} call_site;

/* ---- life ------------------------------------------------------------------- */

static size_t signatures_size(const vmprof_recorder *recorder) {
  return (size_t)recorder->signatures_max * sizeof(int64_t);
}

static size_t storage_events_size(const vmprof_recorder *recorder) {
  return (size_t)recorder->storage_events_max * sizeof *recorder->storage_events;
}

/* Address space alone: a page becomes memory when it is first written to. */
static void *reserve(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

vmprof_recorder *vmprof_recorder_new(int64_t max_records, int64_t sample_words) {
  /* More than any address space holds; below it no product here overflows. */
  if (max_records < 1 || max_records > INT64_C(1) << 48 || sample_words < 0 ||
      sample_words > VMPROF_MAX_SAMPLE_WORDS) {
    errno = ENOMEM;
    return NULL;
  }
  vmprof_recorder *recorder = calloc(1, sizeof *recorder);
  if (recorder == NULL) return NULL;
  atomic_init(&recorder->references, 1);
  recorder->root = recorder;
  recorder->shapes = recorder;
  recorder->records_max = max_records;
  recorder->records_size = (uint64_t)max_records * (sizeof(vmprof_record) +
                                                    2 * (uint64_t)sample_words * sizeof(uint64_t));
  recorder->signatures_max = max_records * SIGNATURE_WORDS_PER_RECORD;
  recorder->records = reserve(recorder->records_size);
  recorder->signatures = reserve(signatures_size(recorder));
  if (recorder->records == NULL || recorder->signatures == NULL) {
    vmprof_recorder_release(recorder);
    return NULL;
  }
  return recorder;
}

void vmprof_recorder_hold(vmprof_recorder *recorder) {
  atomic_fetch_add(&recorder->references, 1);
}

void vmprof_recorder_release(vmprof_recorder *recorder) {
  if (atomic_fetch_sub(&recorder->references, 1) > 1) return;
  if (recorder->records != NULL) munmap(recorder->records, recorder->records_size);
  if (recorder->signatures != NULL) munmap(recorder->signatures, signatures_size(recorder));
  if (recorder->storage_events != NULL) {
    munmap(recorder->storage_events, storage_events_size(recorder));
  }
  free(recorder->sources);
  if (recorder->root != recorder) vmprof_recorder_release(recorder->root);
  free(recorder);
}

/* ---- between runs ----------------------------------------------------------- */

/* Writes to every page of the first `size` bytes what is there already. */
static void touch(void *memory, uint64_t size, uint64_t limit) {
  volatile char *bytes = memory;
  if (size > limit) size = limit;
  for (uint64_t i = 0; i < size; i += 4096) bytes[i] = bytes[i];
}

int vmprof_recorder_configure(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                              int num_sources, vmprof_team *team) {
  if (!(mode & VMPROF_COUNT)) num_sources = 0;
  uint64_t samples_size = 0;
  for (int i = 0; i < num_sources; ++i) samples_size += vmprof_sample_size(sources[i]->values);
  const uint64_t stride = sizeof(vmprof_record) + 2 * samples_size;
  if ((uint64_t)recorder->records_max * stride > recorder->records_size) return -EINVAL;
  if (num_sources > 0) {
    vmprof_source **copy = realloc(recorder->sources, (size_t)num_sources * sizeof *copy);
    if (copy == NULL) return -ENOMEM;
    memcpy(copy, sources, (size_t)num_sources * sizeof *copy);
    recorder->sources = copy;
  }
  recorder->num_sources = num_sources;
  recorder->samples_size = samples_size;
  recorder->stride = stride;
  recorder->team = team;
  /* What TVM's pool asks for when it is made, too. */
  const char *excluded = getenv("TVM_EXCLUDE_WORKER0");
  recorder->launcher_only_waits = excluded != NULL && atoi(excluded) == 0;
  recorder->touched = 0;
  recorder->mode = mode;
  return 0;
}

void vmprof_recorder_clear(vmprof_recorder *recorder) {
  /* Sites outlive their recorders: no two may ever have the same generation. */
  static atomic_int_fast64_t generations;
  atomic_store(&recorder->records_used, 0);
  recorder->signatures_used = 0;
  recorder->storage_events_used = 0;
  recorder->lost = 0;
  recorder->generation = atomic_fetch_add(&generations, 1) + 1;
}

int vmprof_recorder_follow_storages(vmprof_recorder *recorder) {
  recorder->storage_events_max = recorder->records_max * STORAGE_EVENTS_PER_RECORD;
  recorder->storage_events = reserve(storage_events_size(recorder));
  return recorder->storage_events == NULL ? -ENOMEM : 0;
}

void vmprof_recorder_touch(vmprof_recorder *recorder, int64_t records) {
  touch(recorder->records, (uint64_t)records * recorder->stride, recorder->records_size);
  if (recorder->shapes == recorder) {
    touch(recorder->signatures, (uint64_t)records * SIGNATURE_WORDS_PER_RECORD * sizeof(int64_t),
          signatures_size(recorder));
  }
  if (recorder->storage_events != NULL) {
    touch(recorder->storage_events, (uint64_t)records * sizeof *recorder->storage_events,
          storage_events_size(recorder));
  }
  recorder->touched = records;
}

int vmprof_recorder_start(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                          int num_sources, vmprof_team *team, int64_t expected) {
  const int code = vmprof_recorder_configure(recorder, mode, sources, num_sources, team);
  if (code != 0) return code;
  vmprof_recorder_clear(recorder);
  vmprof_recorder_touch(recorder, expected);
  recorder->outside = vmprof_here;
  vmprof_here = (vmprof_work){recorder, recorder->sources, /*open=*/-1, /*runs=*/1};
  return 0;
}

void vmprof_recorder_stop(vmprof_recorder *recorder) {
  if (vmprof_here.recorder != recorder || !vmprof_here.runs) return;
  recorder->mode = VMPROF_OFF;
  vmprof_here = recorder->outside;
}

int64_t vmprof_recorder_count(const vmprof_recorder *recorder) {
  const int64_t used = atomic_load(&recorder->records_used);
  return used < recorder->records_max ? used : recorder->records_max;
}
uint64_t vmprof_recorder_stride(const vmprof_recorder *recorder) { return recorder->stride; }
const char *vmprof_records(const vmprof_recorder *recorder) { return recorder->records; }
const int64_t *vmprof_signatures(const vmprof_recorder *recorder) {
  return recorder->shapes->signatures;
}
int64_t vmprof_signatures_size(const vmprof_recorder *recorder) {
  return recorder->shapes->signatures_used;
}

/* ---- the window ------------------------------------------------------------- */

int64_t vmprof_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Each source's sample, one behind the other. A window of a call is read in the
 * cheapest way; that of a whole run also tells how long the counters ran. */
static void sample_all(const vmprof_recorder *recorder, vmprof_source *const *sources,
                       char *samples, int whole_run) {
  for (int i = 0; i < recorder->num_sources; ++i) {
    vmprof_source *source = sources[i];
    vmprof_sample *sample = (vmprof_sample *)samples;
    if (source == NULL) {
      sample->count = 0;
    } else if (whole_run) {
      source->read(source, sample);
    } else {
      source->sample(source, sample);
    }
    samples += vmprof_sample_size(recorder->sources[i]->values);
  }
}

/* In a pass that reads both, the clock stands inside: a duration never holds
 * the cost of reading counters. */
void vmprof_open_window(const vmprof_recorder *recorder, vmprof_source *const *sources,
                        vmprof_record *record, int whole_run) {
  sample_all(recorder, sources, (char *)(record + 1), whole_run);
  if (recorder->mode & VMPROF_TIME) record->begin_ns = vmprof_clock_ns();
}

void vmprof_close_window(const vmprof_recorder *recorder, vmprof_source *const *sources,
                         vmprof_record *record, int whole_run) {
  if (recorder->mode & VMPROF_TIME) record->end_ns = vmprof_clock_ns();
  sample_all(recorder, sources, (char *)(record + 1) + recorder->samples_size, whole_run);
}

/* Samples without a reading in them. */
static void clear_samples(const vmprof_recorder *recorder, char *samples) {
  for (int i = 0; i < recorder->num_sources; ++i) {
    ((vmprof_sample *)samples)->count = 0;
    samples += vmprof_sample_size(recorder->sources[i]->values);
  }
}

void vmprof_open_launch(const vmprof_recorder *recorder, vmprof_source *const *sources,
                        vmprof_record *launch) {
  if (recorder->launcher_only_waits) {
    sample_all(recorder, sources, (char *)(launch + 1), /*whole_run=*/0);
  } else {
    clear_samples(recorder, (char *)(launch + 1));
  }
  if (recorder->mode & VMPROF_TIME) launch->begin_ns = vmprof_clock_ns();
}

void vmprof_open_own_task(const vmprof_recorder *recorder, vmprof_record *task) {
  if (recorder->mode & VMPROF_TIME) task->begin_ns = vmprof_clock_ns();
}

void vmprof_close_own_task(const vmprof_recorder *recorder, vmprof_source *const *sources,
                           vmprof_record *task, vmprof_record *launch) {
  if (recorder->mode & VMPROF_TIME) task->end_ns = vmprof_clock_ns();
  sample_all(recorder, sources, (char *)(launch + 1), /*whole_run=*/0);
  memcpy(task + 1, launch + 1, recorder->samples_size);
  memcpy((char *)(task + 1) + recorder->samples_size, launch + 1, recorder->samples_size);
}

/* ---- records -------------------------------------------------------------------- */

vmprof_record *vmprof_record_at(const vmprof_recorder *recorder, int64_t number) {
  return (vmprof_record *)(recorder->records + (uint64_t)number * recorder->stride);
}

int64_t vmprof_record_number(const vmprof_recorder *recorder, const vmprof_record *record) {
  return (int64_t)((uint64_t)((const char *)record - recorder->records) / recorder->stride);
}

vmprof_record *vmprof_new_record(vmprof_recorder *recorder, int32_t site, int64_t signature,
                                 int64_t parent) {
  const int64_t number =
      atomic_fetch_add_explicit(&recorder->records_used, 1, memory_order_relaxed);
  if (number >= recorder->records_max) return NULL;
  vmprof_record *record = vmprof_record_at(recorder, number);
  record->site = site;
  record->failed = 1;
  record->signature = signature;
  record->parent = parent;
  record->end_ns = 0; /* where the hook looks for its key */
  return record;
}

int vmprof_recorder_is_full(const vmprof_recorder *recorder) {
  return atomic_load(&recorder->records_used) > recorder->records_max;
}

int vmprof_raise_full(void) {
  TVMFFIErrorSetRaisedFromCStr(
      "RecordsFullError", /* vmprof/native.py makes it vmprof's own class */
      "the run made more calls and parallel tasks than the record buffer holds; "
      "allow more with --max-records N (max_records=N in Python)");
  return -1;
}

/* ---- one call ------------------------------------------------------------------- */

static const DLTensor *tensor_of(const TVMFFIAny *arg) {
  switch (arg->type_index) {
    case kTVMFFITensor: /* the object's header, then a DLTensor */
      return (const DLTensor *)((const char *)arg->v_obj + sizeof(TVMFFIObject));
    case kTVMFFIDLTensorPtr:
      return arg->v_ptr;
    default:
      return NULL;
  }
}

/* Writes the signature of `args` behind the last one; returns its size in
 * words, 0 if there is no room. */
static int64_t write_signature(const vmprof_recorder *recorder, const TVMFFIAny *args,
                               int32_t num_args) {
  int64_t *words = recorder->signatures + recorder->signatures_used;
  const int64_t room = recorder->signatures_max - recorder->signatures_used;
  int64_t tensors = 0;
  int64_t used = 1;
  if (room < used) return 0;
  for (int32_t i = 0; i < num_args; ++i) {
    const DLTensor *tensor = tensor_of(&args[i]);
    if (tensor == NULL) continue;
    if (used + 2 + tensor->ndim > room) return 0;
    words[used++] = (int64_t)tensor->dtype.code | (int64_t)tensor->dtype.bits << 8 |
                    (int64_t)tensor->dtype.lanes << 16;
    words[used++] = tensor->ndim;
    for (int32_t axis = 0; axis < tensor->ndim; ++axis) words[used++] = tensor->shape[axis];
    tensors += 1;
  }
  words[0] = tensors;
  return used;
}

/* The index of the signature of `args`, -1 if there is no room. The sites' last
 * signatures are compared, not all: shapes seldom change between calls, and the
 * cost of a call must not depend on how many went before. */
static int64_t signature_of(vmprof_recorder *recorder, vmprof_site *site, const TVMFFIAny *args,
                            int32_t num_args) {
  const int64_t size = write_signature(recorder, args, num_args);
  if (size == 0) return -1;
  const int64_t *written = recorder->signatures + recorder->signatures_used;
  /* Several threads may share a site, and find what another one has half written there: a
   * signature of somebody else's, which is only as good as the words in our own memory. */
  if (site->generation == recorder->generation &&
      site->signature + size <= recorder->signatures_used) {
    const int64_t *last = recorder->signatures + site->signature;
    int64_t same = 0;
    /* A signature says its own length, so equal words end together. */
    while (same < size && last[same] == written[same]) same += 1;
    if (same == size) return site->signature;
  }
  site->generation = recorder->generation;
  site->signature = recorder->signatures_used;
  recorder->signatures_used += size;
  return site->signature;
}

vmprof_recorder *vmprof_recording(const vmprof_recorder *root) {
  vmprof_recorder *recorder = vmprof_here.runs ? vmprof_here.recorder : NULL;
  return recorder != NULL && recorder->root == root ? recorder : NULL;
}

vmprof_record *vmprof_call_new(vmprof_recorder *recorder, vmprof_site *site,
                               const TVMFFIAny *args, int32_t num_args) {
  const int64_t signature = signature_of(recorder->shapes, site, args, num_args);
  vmprof_record *record =
      signature < 0 ? NULL : vmprof_new_record(recorder, site->id, signature, vmprof_here.open);
  if (record != NULL) {
    vmprof_here.open = vmprof_record_number(recorder, record);
  } else if (!recorder->drops) {
    vmprof_raise_full();
  } else if (signature < 0) {
    recorder->lost += 1;
  }
  return record;
}

void vmprof_call_open(const vmprof_recorder *recorder, vmprof_record *record) {
  vmprof_open_window(recorder, vmprof_here.sources, record, /*whole_run=*/0);
}

void vmprof_call_close(vmprof_recorder *recorder, vmprof_record *record, int failed) {
  if (vmprof_here.recorder != recorder) return; /* in the child of a fork: see invocation.c */
  vmprof_close_window(recorder, vmprof_here.sources, record, /*whole_run=*/0);
  vmprof_here.open = record->parent;
  record->failed = failed;
}

/* The innermost open record but the run's, NULL if there is none. */
static vmprof_record *innermost(const vmprof_recorder *recorder) {
  if (vmprof_here.recorder != recorder || vmprof_here.open < 0) return NULL;
  vmprof_record *record = vmprof_record_at(recorder, vmprof_here.open);
  return record->site != VMPROF_RUN_SITE ? record : NULL;
}

vmprof_record *vmprof_call_innermost(const vmprof_recorder *recorder) {
  vmprof_record *record = innermost(recorder);
  if (record != NULL && record->site == VMPROF_ACTIVATION_SITE) {
    record = vmprof_record_at(recorder, record->parent);
  }
  return record != NULL && record->site >= 0 ? record : NULL;
}

int vmprof_activation_begin(vmprof_recorder *recorder, const vmprof_record *call) {
  if (innermost(recorder) != call) return 0;
  vmprof_record *activation =
      vmprof_new_record(recorder, VMPROF_ACTIVATION_SITE, 0, vmprof_here.open);
  if (activation == NULL) return recorder->drops ? 0 : vmprof_raise_full();
  vmprof_here.open = vmprof_record_number(recorder, activation);
  activation->failed = 0;
  vmprof_call_open(recorder, activation);
  return 0;
}

void vmprof_activation_reached(const vmprof_recorder *recorder) {
  vmprof_record *record = innermost(recorder);
  if (record == NULL || record->site != VMPROF_ACTIVATION_SITE) return;
  vmprof_close_window(recorder, vmprof_here.sources, record, /*whole_run=*/0);
}

static int recorded_call(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  call_site *site = self;
  vmprof_recorder *recorder = vmprof_recording(site->recorder);
  TVMFFIAny *kernel_args = (TVMFFIAny *)args; /* the callee's signature lacks the const */
  vmprof_record *record =
      recorder != NULL ? vmprof_call_new(recorder, &site->site, args, num_args) : NULL;
  if (record == NULL) {
    if (recorder != NULL && !recorder->drops) return -1;
    return TVMFFIFunctionCall(site->kernel, kernel_args, num_args, result);
  }
  vmprof_call_open(recorder, record);
  const int code = TVMFFIFunctionCall(site->kernel, kernel_args, num_args, result);
  vmprof_call_close(recorder, record, code != 0);
  if (code == 0) vmprof_returned(recorder, args, num_args, result);
  return code;
}

int vmprof_run_begin(vmprof_recorder *recorder) {
  vmprof_record *run =
      vmprof_new_record(recorder, VMPROF_RUN_SITE, vmprof_thread_number(), /*parent=*/-1);
  if (run == NULL) return -1;
  vmprof_here.open = 0;
  vmprof_open_window(recorder, recorder->sources, run, /*whole_run=*/1);
  return 0;
}

void vmprof_run_end(vmprof_recorder *recorder) {
  vmprof_record *run = vmprof_record_at(recorder, 0);
  vmprof_close_window(recorder, recorder->sources, run, /*whole_run=*/1);
  run->failed = 0;
}

/* ---- the packed functions --------------------------------------------------- */

static void delete_site(void *self) {
  call_site *site = self;
  TVMFFIObjectDecRef(site->kernel);
  vmprof_recorder_release(site->recorder);
  free(site);
}

/* (recorder address, site number, kernel) -> the kernel, wrapped */
static int wrap(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args != 3 || args[0].type_index != kTVMFFIInt || args[1].type_index != kTVMFFIInt ||
      args[2].type_index != kTVMFFIFunction) {
    TVMFFIErrorSetRaisedFromCStr("TypeError",
                                 "vmprof.wrap takes a recorder, a site and a packed function");
    return -1;
  }
  call_site *site = calloc(1, sizeof *site);
  if (site == NULL) {
    TVMFFIErrorSetRaisedFromCStr("MemoryError", "vmprof.wrap: out of memory");
    return -1;
  }
  site->recorder = (vmprof_recorder *)(intptr_t)args[0].v_int64;
  site->site.id = (int32_t)args[1].v_int64;
  site->kernel = args[2].v_obj;
  TVMFFIObjectIncRef(site->kernel);
  vmprof_recorder_hold(site->recorder);

  TVMFFIObjectHandle wrapped = NULL;
  const int code = TVMFFIFunctionCreate(site, recorded_call, delete_site, &wrapped);
  if (code != 0) {
    delete_site(site);
    return code;
  }
  result->type_index = kTVMFFIFunction;
  result->zero_padding = 0;
  result->v_obj = wrapped;
  return 0;
}

static int empty(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)args, (void)num_args, (void)result;
  return 0;
}

int vmprof_register_function(const char *name, TVMFFISafeCallType function) {
  const TVMFFIByteArray key = {name, strlen(name)};
  TVMFFIObjectHandle handle = NULL;
  int code = TVMFFIFunctionCreate(NULL, function, NULL, &handle);
  if (code != 0) return code;
  code = TVMFFIFunctionSetGlobal(&key, handle, /*allow_override=*/1);
  TVMFFIObjectDecRef(handle);
  return code;
}

int vmprof_register_functions(void) {
  int code = vmprof_register_function("vmprof.wrap", wrap);
  if (code == 0) code = vmprof_register_function("vmprof.hook", vmprof_hook);
  if (code == 0) code = vmprof_register_function("vmprof.entry", vmprof_entry);
  if (code == 0) code = vmprof_register_function("vmprof.empty", empty);
  if (code == 0) code = vmprof_register_code_functions();
  return code;
}
