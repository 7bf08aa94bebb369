/* Calls: packed functions that stand between the dispatch loop and a kernel, read clock or
 * counters around it and keep one record per call.
 *
 * Inside a window, from the first reading to the last, runs the kernel and nothing of ours. */
#include "recorder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tvm/ffi/c_api.h>

typedef struct {
  vmprof_recorder *recorder;
  TVMFFIObjectHandle kernel;
  vmprof_site site;
  int32_t inside; /* see vmprof.wrap */
} call_site;

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
  /* Another thread may write the site meanwhile, and what is found is half of each: a signature
   * of somebody else's, which is only as good as the words in our own memory. */
  const int64_t before = atomic_load_explicit(&site->signature, memory_order_relaxed);
  if (atomic_load_explicit(&site->generation, memory_order_relaxed) == recorder->generation &&
      before + size <= recorder->signatures_used) {
    const int64_t *last = recorder->signatures + before;
    int64_t same = 0;
    /* A signature says its own length, so equal words end together. */
    while (same < size && last[same] == written[same]) same += 1;
    if (same == size) return before;
  }
  const int64_t own = recorder->signatures_used;
  atomic_store_explicit(&site->generation, recorder->generation, memory_order_relaxed);
  atomic_store_explicit(&site->signature, own, memory_order_relaxed);
  recorder->signatures_used += size;
  return own;
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

/* By bytecode of whose activations nobody tells. */
static int recorded_call_inside(void *self, const TVMFFIAny *args, int32_t num_args,
                                TVMFFIAny *result) {
  const call_site *site = self;
  vmprof_recorder *recorder = vmprof_recording(site->recorder);
  if (recorder == NULL) return recorded_call(self, args, num_args, result);
  const vmprof_record *outer = vmprof_call_innermost(recorder);
  if (outer != NULL && outer->site == site->inside &&
      vmprof_activation_begin(recorder, outer) != 0) {
    return -1;
  }
  const int code = recorded_call(self, args, num_args, result);
  vmprof_activation_reached(recorder);
  return code;
}

/* ---- the packed functions --------------------------------------------------- */

static void delete_site(void *self) {
  call_site *site = self;
  TVMFFIObjectDecRef(site->kernel);
  vmprof_recorder_release(site->recorder);
  free(site);
}

int vmprof_give_function(void *self, TVMFFISafeCallType call, void (*delete_self)(void *),
                         TVMFFIAny *result) {
  TVMFFIObjectHandle function = NULL;
  const int code = TVMFFIFunctionCreate(self, call, delete_self, &function);
  if (code != 0) {
    delete_self(self);
    return code;
  }
  *result = (TVMFFIAny){.type_index = kTVMFFIFunction, .v_obj = function};
  return 0;
}

/* (recorder address, site number, kernel[, site number]) -> the kernel, wrapped */
static int wrap(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  const int is_inside = num_args == 4 && args[3].type_index == kTVMFFIInt;
  if ((num_args != 3 && !is_inside) || args[0].type_index != kTVMFFIInt || args[1].type_index != kTVMFFIInt ||
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
  if (is_inside) site->inside = (int32_t)args[3].v_int64;
  return vmprof_give_function(site, is_inside ? recorded_call_inside : recorded_call, delete_site,
                              result);
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
  if (code == 0) code = vmprof_register_function("vmprof.run", vmprof_run);
  if (code == 0) code = vmprof_register_function("vmprof.guard", vmprof_guard);
  if (code == 0) code = vmprof_register_function("vmprof.empty", empty);
  if (code == 0) code = vmprof_register_code_functions();
  if (code == 0) code = vmprof_watch_forks();
  return code;
}
