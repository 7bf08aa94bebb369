/* Guards: packed functions that stand before one that crashes on None, where nobody can tell
 * before a run whether it is given that. Outside of its window. */
#include "vmprof.h"

#include <stdlib.h>

typedef struct {
  TVMFFIObjectHandle function;
  int32_t num_operands;
  int32_t operands[]; /* that must not be None, by their places */
} guard;

static int guarded_call(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  const guard *guarding = self;
  for (int32_t i = 0; i < guarding->num_operands; ++i) {
    const int32_t place = guarding->operands[i];
    if (place >= num_args || args[place].type_index != kTVMFFINone) continue;
    TVMFFIErrorSetRaisedFromCStr("VmprofError",
                                 "a builtin of TVM's is given None, which would end the process");
    return -1;
  }
  /* The callee's signature lacks the const. */
  return TVMFFIFunctionCall(guarding->function, (TVMFFIAny *)args, num_args, result);
}

static void delete_guard(void *self) {
  guard *guarding = self;
  TVMFFIObjectDecRef(guarding->function);
  free(guarding);
}

int vmprof_guard(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  int right = num_args >= 1 && args[0].type_index == kTVMFFIFunction;
  for (int32_t i = 1; right && i < num_args; ++i) right = args[i].type_index == kTVMFFIInt;
  if (!right) {
    TVMFFIErrorSetRaisedFromCStr("TypeError", "vmprof.guard takes a packed function and places");
    return -1;
  }
  const size_t places = (size_t)num_args - 1;
  guard *guarding = calloc(1, sizeof *guarding + places * sizeof *guarding->operands);
  if (guarding == NULL) {
    TVMFFIErrorSetRaisedFromCStr("MemoryError", "vmprof.guard: out of memory");
    return -1;
  }
  guarding->function = args[0].v_obj;
  TVMFFIObjectIncRef(guarding->function);
  guarding->num_operands = num_args - 1;
  for (size_t i = 0; i < places; ++i) guarding->operands[i] = (int32_t)args[i + 1].v_int64;
  return vmprof_give_function(guarding, guarded_call, delete_guard, result);
}
