/* The recorder: room for one record per call, reserved once.
 *
 * Records and signatures lie in memory that is reserved at its full size, and touched before
 * a run: nothing ever grows. */
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tvm/ffi/c_api.h>

/* Room for signatures per record, in words: three tensors of rank five. Calls
 * whose shapes equal those of their site's last call share a signature. */
#define SIGNATURE_WORDS_PER_RECORD 22
/* For so many records at most the room of their signatures is made memory before they come, and
 * for more if a run took more. */
#define SIGNED_RECORDS 4096
/* Room for births and deaths of storages per record: with a buffer half full of them, each
 * call may make one that dies. */
#define STORAGE_EVENTS_PER_RECORD 4

_Thread_local vmprof_work vmprof_here;

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

void vmprof_recorder_give_up(vmprof_recorder *recorder) {
  if (recorder == NULL) return;
  vmprof_run_abandon(recorder);
  vmprof_recorder_release(recorder);
}

/* ---- between runs ----------------------------------------------------------- */

/* Writes to every page of the first `size` bytes what is there already. */
static void touch(void *memory, uint64_t size, uint64_t limit) {
  volatile char *bytes = memory;
  if (size > limit) size = limit;
  for (uint64_t i = 0; i < size; i += 4096) bytes[i] = bytes[i];
}

/* Reserves what it takes to follow storages. 0 or -errno. */
static int follow_storages(vmprof_recorder *recorder) {
  if (recorder->storage_events != NULL) return 0;
  vmprof_find_storage_type();
  recorder->storage_events_max = recorder->records_max * STORAGE_EVENTS_PER_RECORD;
  recorder->storage_events = reserve(storage_events_size(recorder));
  return recorder->storage_events == NULL ? -ENOMEM : 0;
}

int vmprof_recorder_configure(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                              int num_sources, vmprof_team *team) {
  if (!(mode & VMPROF_COUNT)) num_sources = 0;
  uint64_t samples_size = 0;
  for (int i = 0; i < num_sources; ++i) samples_size += vmprof_sample_size(sources[i]->values);
  const uint64_t stride = sizeof(vmprof_record) + 2 * samples_size;
  if ((uint64_t)recorder->records_max * stride > recorder->records_size) return -EINVAL;
  if (mode & VMPROF_STORAGES && follow_storages(recorder) != 0) return -ENOMEM;
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
  if (recorder->signatures_used > recorder->signatures_most) {
    recorder->signatures_most = recorder->signatures_used;
  }
  recorder->signatures_used = 0;
  recorder->storage_events_used = 0;
  recorder->lost = 0;
  recorder->generation = atomic_fetch_add(&generations, 1) + 1;
}

void vmprof_recorder_touch(vmprof_recorder *recorder, int64_t records) {
  touch(recorder->records, (uint64_t)records * recorder->stride, recorder->records_size);
  if (recorder->shapes == recorder) {
    /* Calls of a site mostly share one: few are to be expected, and as many as there were. */
    const int64_t likely =
        (records < SIGNED_RECORDS ? records : SIGNED_RECORDS) * SIGNATURE_WORDS_PER_RECORD;
    const int64_t words =
        likely > recorder->signatures_most ? likely : recorder->signatures_most;
    touch(recorder->signatures, (uint64_t)words * sizeof(int64_t), signatures_size(recorder));
  }
  if (recorder->storage_events != NULL) {
    touch(recorder->storage_events, (uint64_t)records * sizeof *recorder->storage_events,
          storage_events_size(recorder));
  }
  recorder->touched = records;
}

int vmprof_recorder_ready(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                          int num_sources, vmprof_team *team, int64_t expected) {
  vmprof_run_abandon(recorder);
  const int code = vmprof_recorder_configure(recorder, mode, sources, num_sources, team);
  if (code != 0) return code;
  vmprof_recorder_clear(recorder);
  vmprof_recorder_touch(recorder, expected);
  return 0;
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
