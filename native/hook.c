/* The recorder as the instrument of TVM's own VM (VirtualMachine::SetInstrument,
 * tvm/src/runtime/vm/vm.cc). For each call instruction that VM calls the instrument
 * twice, with the same array of arguments:
 *
 *     (function, its name, true, null, operands...)     before the call
 *     (function, its name, false, result, operands...)  after it, unless it raised
 *
 * and goes on with the call unless the first returns the integer 1. Kernels, builtins
 * and functions of bytecode are called by such instructions; what a kernel or a builtin
 * calls by itself is not told, but for the instructions of bytecode that it runs. Where
 * that begins and ends is not told either. vm.builtin.invoke_closure runs one function:
 * from the first call inside to the last, what is between is no work of the builtin's.
 * Another function that calls a closure back may work between two of them.
 *
 * A window of this engine therefore holds more than one of a wrapped kernel:
 *
 * - the way from our first reading back into the VM and from the VM to our second: two
 *   returns and calls through tvm-ffi's calling convention, a test of what we returned,
 *   and the function object's reference taken and dropped. "Empty call" has all of that.
 *
 * For the instrument the VM makes text of operands that are data types, and the callee
 * (vm.builtin.alloc_tensor is one) would get the same text, and parse it in its window:
 * the hook puts the data type back before it opens that.
 *
 * Nothing of ours is allocated or locked while the VM runs. */
#include "recorder.h"

#include <stdlib.h>
#include <string.h>

#define INVOKE_CLOSURE "vm.builtin.invoke_closure"
/* Clears a register; not worth a row (vmprof/vm/linker.py). */
#define NULL_VALUE "vm.builtin.null_value"
#define TEXT_SIZE (1 << 18)
/* Behind the function, its name, whether it is to be run, and its result. */
#define FIRST_OPERAND 4

typedef struct {
  vmprof_site site;
  char *name;
} hooked_place;

typedef struct {
  const void *key; /* NULL where the slot is free */
  hooked_place *place;    /* NULL where calls are not recorded */
} slot;

static char others[] = "packed functions that found no room";

struct vmprof_hooked {
  vmprof_recorder *root;
  int num_places;
  hooked_place *places;
  hooked_place *invoke_closure;
  /* Of a VM whose names were not known beforehand: places for names as they come up, the
   * last of them for all that find no room, and memory for the names. */
  hooked_place *learned;
  int num_learned;
  int learned_max;
  char *text;
  size_t text_used;
  /* By the address of a function's name in the VM. */
  slot *slots;
  uint64_t mask; /* the number of slots, a power of two, less one */
  uint64_t free_slots;
};

/* ---- from what the VM says to a place -------------------------------------------- */

/* The slot of `key`, or the free one that it may take. */
static slot *slot_of(const vmprof_hooked *hooked, const void *key) {
  /* Objects lie at multiples of 16: those bits say nothing. */
  uint64_t at = ((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  while (hooked->slots[at & hooked->mask].key != NULL) {
    if (hooked->slots[at & hooked->mask].key == key) break;
    at += 1;
  }
  return &hooked->slots[at & hooked->mask];
}

static void learn(vmprof_hooked *hooked, slot *free_slot, const void *key, hooked_place *place) {
  if (hooked->free_slots == 1) return; /* slot_of ends at a free one */
  hooked->free_slots -= 1;
  *free_slot = (slot){key, place};
}

static hooked_place *place_called(const vmprof_hooked *hooked, const char *name) {
  for (int i = 0; i < hooked->num_places; ++i) {
    if (strcmp(hooked->places[i].name, name) == 0) return &hooked->places[i];
  }
  return NULL;
}

/* A place for a name that nobody told us of. Memory is there already. */
static hooked_place *learn_name(vmprof_hooked *hooked, const TVMFFIAny *function, const char *name) {
  /* Functions of bytecode are closures: what they call is told. */
  if (hooked->learned == NULL || function->type_index != kTVMFFIFunction) return NULL;
  if (strcmp(name, NULL_VALUE) == 0) return NULL;
  for (int i = 0; i < hooked->num_learned; ++i) {
    if (strcmp(hooked->learned[i].name, name) == 0) return &hooked->learned[i];
  }
  const size_t size = strlen(name) + 1;
  if (hooked->num_learned == hooked->learned_max - 1 || hooked->text_used + size > TEXT_SIZE) {
    return &hooked->learned[hooked->learned_max - 1];
  }
  hooked_place *found = &hooked->learned[hooked->num_learned++];
  found->name = memcpy(hooked->text + hooked->text_used, name, size);
  hooked->text_used += size;
  return found;
}

/* Where a call is recorded, NULL if it is not. The VM's names stay where they are as
 * long as it lives, so each is compared once. */
static hooked_place *place_of(vmprof_hooked *hooked, const TVMFFIAny *args) {
  const char *name = args[1].v_c_str;
  slot *named = slot_of(hooked, name);
  hooked_place *found = named->place;
  if (named->key == NULL) {
    found = place_called(hooked, name);
    if (found == NULL) found = learn_name(hooked, &args[0], name);
    learn(hooked, named, name, found);
  }
  return found;
}

/* ---- before and after a call -------------------------------------------------------- */

/* The VM's array of arguments tells which call is over: while a call is open it stands
 * where the end of its time will. */
static int64_t key_of(const TVMFFIAny *args) { return (int64_t)(intptr_t)args; }

/* Only data types are text that nobody owns: strings of the program are objects. */
static void restore_data_types(TVMFFIAny *operands, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (operands[i].type_index != kTVMFFIRawStr) continue;
    const TVMFFIByteArray text = {operands[i].v_c_str, strlen(operands[i].v_c_str)};
    DLDataType type;
    if (TVMFFIDataTypeFromString(&text, &type) != 0) continue;
    operands[i] = (TVMFFIAny){.type_index = kTVMFFIDataType, .v_dtype = type};
  }
}

static int before_call(vmprof_hooked *hooked, vmprof_recorder *recorder, const TVMFFIAny *args,
                       int32_t num_args) {
  hooked_place *place = place_of(hooked, args);
  if (place == NULL) return 0;
  const vmprof_record *outer = vmprof_call_innermost(recorder);
  if (outer != NULL && hooked->invoke_closure != NULL &&
      outer->site == hooked->invoke_closure->site.id &&
      vmprof_activation_begin(recorder, outer) != 0) {
    return -1;
  }
  vmprof_record *record = vmprof_call_new(recorder, &place->site, args + FIRST_OPERAND,
                                          num_args - FIRST_OPERAND);
  if (record == NULL && !recorder->drops) return -1;
  /* The array is the VM's own, which it calls with. */
  restore_data_types((TVMFFIAny *)args + FIRST_OPERAND, num_args - FIRST_OPERAND);
  if (record == NULL) return 0;
  record->end_ns = key_of(args);
  vmprof_call_open(recorder, record);
  return 0;
}

/* The innermost open call that `args` say is over, NULL if that one has no record. */
static vmprof_record *over_now(const vmprof_recorder *recorder, vmprof_record *record,
                               const TVMFFIAny *args) {
  while (record != NULL && record->end_ns != key_of(args)) {
    record = vmprof_record_at(recorder, record->parent);
    if (record->site == VMPROF_ACTIVATION_SITE) record = vmprof_record_at(recorder, record->parent);
    if (record->site < 0) return NULL;
  }
  return record;
}

static int after_call(vmprof_hooked *hooked, vmprof_recorder *recorder, const TVMFFIAny *args,
                      int32_t num_args) {
  vmprof_record *record = vmprof_call_innermost(recorder);
  if (record == NULL) return 0;
  if (record->end_ns != key_of(args) && place_of(hooked, args) == NULL) return 0;
  const vmprof_record *over = over_now(recorder, record, args);
  /* Calls that are still open inside that one raised, and somebody caught it. */
  while (over != NULL && record != NULL) {
    const int last = record == over;
    vmprof_call_close(recorder, record, /*failed=*/!last);
    vmprof_activation_reached(recorder);
    if (last) {
      vmprof_returned(recorder, args + FIRST_OPERAND, num_args - FIRST_OPERAND,
                      &args[FIRST_OPERAND - 1]);
      break;
    }
    record = vmprof_call_innermost(recorder);
  }
  return 0;
}

static int instrument(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)result; /* none: the VM goes on with the call */
  vmprof_hooked *hooked = self;
  vmprof_recorder *recorder = vmprof_recording(hooked->root);
  if (recorder == NULL) return 0;
  if (num_args < FIRST_OPERAND || args[1].type_index != kTVMFFIRawStr ||
      args[2].type_index != kTVMFFIBool) {
    TVMFFIErrorSetRaisedFromCStr("TypeError",
                                 "vmprof.hook: this is not how TVM 0.27 calls an instrument");
    return -1;
  }
  return args[2].v_int64 ? before_call(hooked, recorder, args, num_args)
                         : after_call(hooked, recorder, args, num_args);
}

/* ---- life ------------------------------------------------------------------------------ */

static void delete_hooked(void *self) {
  vmprof_hooked *hooked = self;
  for (int i = 0; hooked->places != NULL && i < hooked->num_places; ++i) {
    free(hooked->places[i].name);
  }
  vmprof_recorder_release(hooked->root);
  free(hooked->learned);
  free(hooked->text);
  free(hooked->places);
  free(hooked->slots);
  free(hooked);
}

vmprof_hooked *vmprof_hook_new(vmprof_recorder *recorder, const char *const *names, int count,
                               int32_t first, int learn_max) {
  vmprof_hooked *hooked = calloc(1, sizeof *hooked);
  if (hooked == NULL) return NULL;
  hooked->root = recorder;
  vmprof_recorder_hold(recorder);
  hooked->num_places = count;
  hooked->places = calloc((size_t)count + 1, sizeof *hooked->places);
  /* Their names, those of functions that are not recorded, and room between. */
  uint64_t slots = 64;
  while (slots < 8 * (uint64_t)(count + learn_max)) slots *= 2;
  hooked->mask = slots - 1;
  hooked->free_slots = slots;
  hooked->slots = calloc(slots, sizeof *hooked->slots);
  int whole = hooked->places != NULL && hooked->slots != NULL;
  for (int i = 0; whole && i < count; ++i) {
    hooked->places[i].site.id = first + i;
    hooked->places[i].name = strdup(names[i]);
    whole = hooked->places[i].name != NULL;
  }
  if (whole && learn_max > 0) {
    hooked->learned = calloc((size_t)learn_max, sizeof *hooked->learned);
    hooked->text = calloc(1, TEXT_SIZE);
    whole = hooked->learned != NULL && hooked->text != NULL;
  }
  if (!whole) {
    delete_hooked(hooked);
    return NULL;
  }
  hooked->invoke_closure = place_called(hooked, INVOKE_CLOSURE);
  hooked->learned_max = learn_max;
  for (int i = 0; i < learn_max; ++i) hooked->learned[i].site.id = first + count + i;
  if (learn_max > 0) hooked->learned[learn_max - 1].name = others;
  return hooked;
}

const char *vmprof_hook_learned(const vmprof_hooked *hooked, int number) {
  return hooked->learned_max > number ? hooked->learned[number].name : NULL;
}

int vmprof_hook(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args != 1 || args[0].type_index != kTVMFFIInt) {
    TVMFFIErrorSetRaisedFromCStr("TypeError", "vmprof.hook takes what vmprof_hook_new gave");
    return -1;
  }
  vmprof_hooked *hooked = (vmprof_hooked *)(intptr_t)args[0].v_int64;
  return vmprof_give_function(hooked, instrument, delete_hooked, result);
}
