/* Storages: the memory that a VM allocates for its tensors, while something refers to it.
 *
 * What a call returned is looked at behind its window. A storage dies when its last reference
 * goes: a register is cleared, the frame of a function ends, a tensor of it dies. Its deleter
 * is called then, and that is ours from the moment at which vm.builtin.alloc_storage returned
 * it; the object's own is called by that one. */
#include "recorder.h"

/* VMAllocStorage's operands (tvm/src/runtime/vm/builtin.cc). */
enum { VM, SHAPE, DEVICE, DTYPE, NUM_OPERANDS };

/* INT32_MIN: there are none in this process. Set before the first run that follows them. */
int32_t vmprof_storage_type = INT32_MIN;

/* The one that all storages come with: TVM makes them in one place. */
static _Atomic(void *) deleter_of_all;

static void append(vmprof_recorder *recorder, const void *storage, int64_t bytes) {
  if (recorder->storage_events_used == recorder->storage_events_max) {
    recorder->lost += 1;
    return;
  }
  recorder->storage_events[recorder->storage_events_used++] = (vmprof_storage_event){
      .before = atomic_load_explicit(&recorder->records_used, memory_order_relaxed),
      .storage = (int64_t)(intptr_t)storage,
      .bytes = bytes,
  };
}

static void dies(void *self, int flags) {
  vmprof_recorder *recorder = vmprof_here.runs ? vmprof_here.recorder : NULL;
  if (recorder != NULL && recorder->mode & VMPROF_STORAGES &&
      flags & kTVMFFIObjectDeleterFlagBitMaskStrong) {
    append(recorder, self, VMPROF_RELEASED);
  }
  void (*deleter)(void *, int) = (void (*)(void *, int))atomic_load(&deleter_of_all);
  deleter(self, flags);
}

/* Whether `storage` tells from now on when it dies. */
static int follow(TVMFFIObject *storage) {
  void *known = NULL;
  if (storage->deleter == NULL) return 0;
  if (!atomic_compare_exchange_strong(&deleter_of_all, &known, (void *)storage->deleter) &&
      known != (void *)storage->deleter) {
    return 0;
  }
  storage->deleter = dies;
  return 1;
}

/* What the program asked for; -1 if those are not the operands of such a call. */
static int64_t size_of(const TVMFFIAny *args, int32_t num_args) {
  if (num_args < NUM_OPERANDS || args[SHAPE].type_index != kTVMFFIShape ||
      args[DTYPE].type_index != kTVMFFIDataType) {
    return -1;
  }
  /* The object's header, then its cell. */
  const TVMFFIShapeCell *shape =
      (const TVMFFIShapeCell *)((const char *)args[SHAPE].v_obj + sizeof(TVMFFIObject));
  const DLDataType dtype = args[DTYPE].v_dtype;
  int64_t bytes = (dtype.bits * dtype.lanes + 7) / 8;
  for (size_t axis = 0; axis < shape->size; ++axis) {
    if (shape->data[axis] < 0 || __builtin_mul_overflow(bytes, shape->data[axis], &bytes)) {
      return -1;
    }
  }
  return bytes;
}

void vmprof_storage_made(vmprof_recorder *recorder, const TVMFFIAny *args, int32_t num_args,
                         const TVMFFIAny *result) {
  TVMFFIObject *storage = result->v_obj;
  if (storage->deleter == dies) return; /* it was made before, and is handed on */
  const int64_t bytes = size_of(args, num_args);
  if (bytes >= 0 && follow(storage)) {
    append(recorder, storage, bytes);
  } else {
    recorder->storages_missed += 1;
  }
}

void vmprof_find_storage_type(void) {
  static const TVMFFIByteArray key = {"vm.Storage", sizeof "vm.Storage" - 1};
  int32_t index;
  if (TVMFFITypeKeyToIndex(&key, &index) == 0) {
    vmprof_storage_type = index;
    return;
  }
  TVMFFIObjectHandle error = NULL;
  TVMFFIErrorMoveFromRaised(&error);
  if (error != NULL) TVMFFIObjectDecRef(error);
}

const vmprof_storage_event *vmprof_storage_events(const vmprof_recorder *recorder) {
  return recorder->storage_events;
}
int64_t vmprof_storage_events_count(const vmprof_recorder *recorder) {
  return recorder->storage_events_used;
}
int64_t vmprof_storages_missed(const vmprof_recorder *recorder) {
  return recorder->storages_missed;
}
