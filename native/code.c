/* Straight lines of bytecode: what the dispatch loop hands over in one call.
 *
 * A `vmprof_code` is a VM function that has been linked: its constants, what it calls, and
 * its blocks, each a run of steps with nothing to decide in between. A frame holds the
 * registers of one activation, as tvm-ffi's own values: operands are never converted to
 * Python and back. The loop in Python decides which block runs next.
 *
 * A frame is a packed function, so that it lives as long as somebody holds it:
 *
 *     frame(block)           runs the block's steps
 *     frame(block, value)    the same, after `value` went to where the block wants it
 *     frame(~block)          what the call behind the block is given, as an ffi.Array
 *     frame(~block, callee)  the result of `callee` with that
 *     frame()                an ffi.Array: the step that ran last, and its operands
 *
 * The first two return the value that the block gives: of its condition, or the result of
 * the function; nothing if it has neither.
 *
 * A function of one block needs no frame that somebody holds: "vmprof.code.straight" makes a
 * packed function that runs all of it. If that raises, "vmprof.code.failed" gives its frame. */
#include "vmprof.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int32_t callee;      /* NOBODY: clears the destination */
  int32_t destination; /* NOBODY: the result is dropped */
  int32_t first_operand;
  int32_t num_operands;
} code_step;

typedef struct {
  int32_t first_step;
  int32_t num_steps;
  int32_t incoming; /* the register that takes the value handed in; NOBODY drops it */
  int32_t given;    /* the operand that is returned; or NOTHING */
  int32_t first_operand; /* of the call behind it */
  int32_t num_operands;
} code_block;

#define NOBODY (-1)

#define NOTHING INT32_MAX

struct vmprof_code {
  atomic_int references; /* Python's one, one per packed function and per frame */
  int num_registers;
  int num_constants;
  int num_callees;
  int most_operands;
  /* Not negative: a register. Else the complement of a constant's number. */
  int32_t *operands;
  code_step *steps;
  code_block *blocks;
  TVMFFIAny *constants;
  TVMFFIObjectHandle *callees;
};

typedef struct {
  vmprof_code *code;
  int32_t step; /* the one that ran last, or NOBODY */
  TVMFFIAny *arguments; /* of the call that runs */
  TVMFFIAny registers[];
} code_frame;

static int is_object(const TVMFFIAny *value) {
  return value->type_index >= kTVMFFIStaticObjectBegin;
}

static void drop(TVMFFIAny *value) {
  if (is_object(value)) TVMFFIObjectDecRef(value->v_obj);
  *value = (TVMFFIAny){.type_index = kTVMFFINone};
}

static int fail(const char *kind, const char *message) {
  TVMFFIErrorSetRaisedFromCStr(kind, message);
  return -1;
}

/* ---- code --------------------------------------------------------------------- */

static void release(vmprof_code *code) {
  if (atomic_fetch_sub(&code->references, 1) > 1) return;
  for (int i = 0; i < code->num_constants; ++i) drop(&code->constants[i]);
  for (int i = 0; i < code->num_callees; ++i) TVMFFIObjectDecRef(code->callees[i]);
  free(code->constants);
  free(code->callees);
  free(code->operands);
  free(code->steps);
  free(code->blocks);
  free(code);
}

void vmprof_code_release(vmprof_code *code) {
  if (code != NULL) release(code);
}

static void *copy(const void *memory, size_t size) {
  void *result = malloc(size ? size : 1);
  if (result != NULL) memcpy(result, memory, size);
  return result;
}

vmprof_code *vmprof_code_new(int num_registers, const int32_t *steps, int num_steps,
                             const int32_t *blocks, int num_blocks, const int32_t *operands,
                             int num_operands, int most_operands) {
  vmprof_code *code = calloc(1, sizeof *code);
  if (code == NULL) return NULL;
  atomic_init(&code->references, 1);
  code->num_registers = num_registers;
  code->most_operands = most_operands;
  code->steps = copy(steps, (size_t)num_steps * sizeof *code->steps);
  code->blocks = copy(blocks, (size_t)num_blocks * sizeof *code->blocks);
  code->operands = copy(operands, (size_t)num_operands * sizeof *code->operands);
  if (code->steps == NULL || code->blocks == NULL || code->operands == NULL) {
    release(code);
    return NULL;
  }
  return code;
}

/* (code, value...): the next constants. */
static int add_constants(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)result;
  vmprof_code *code = (vmprof_code *)(intptr_t)args[0].v_int64;
  const size_t count = (size_t)(code->num_constants + num_args - 1);
  TVMFFIAny *more = realloc(code->constants, (count + 1) * sizeof *more);
  if (more == NULL) return fail("MemoryError", "no memory for the constants of a function");
  code->constants = more;
  for (int32_t i = 1; i < num_args; ++i) {
    TVMFFIAny *place = &code->constants[code->num_constants];
    *place = (TVMFFIAny){.type_index = kTVMFFINone};
    if (TVMFFIAnyViewToOwnedAny(&args[i], place) != 0) return -1;
    code->num_constants += 1;
  }
  return 0;
}

/* (code, packed function...): the next callees. */
static int add_callees(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)result;
  vmprof_code *code = (vmprof_code *)(intptr_t)args[0].v_int64;
  const size_t count = (size_t)(code->num_callees + num_args - 1);
  TVMFFIObjectHandle *more = realloc(code->callees, (count + 1) * sizeof *more);
  if (more == NULL) return fail("MemoryError", "no memory for the calls of a function");
  code->callees = more;
  for (int32_t i = 1; i < num_args; ++i) {
    if (args[i].type_index != kTVMFFIFunction) {
      return fail("TypeError", "what code calls is a packed function");
    }
    TVMFFIObjectIncRef(args[i].v_obj);
    code->callees[code->num_callees++] = args[i].v_obj;
  }
  return 0;
}

/* ---- frames ------------------------------------------------------------------- */

static void delete_frame(void *self) {
  code_frame *frame = self;
  for (int i = 0; i < frame->code->num_registers; ++i) drop(&frame->registers[i]);
  release(frame->code);
  free(frame);
}

/* A view of operands: whoever is called owns nothing of it. */
static TVMFFIAny *pick(const code_frame *frame, const int32_t *operands, int count) {
  const vmprof_code *code = frame->code;
  for (int i = 0; i < count; ++i) {
    const int32_t operand = operands[i];
    frame->arguments[i] = operand >= 0 ? frame->registers[operand] : code->constants[~operand];
  }
  return frame->arguments;
}

static TVMFFIAny *operands_of(const code_frame *frame, const code_step *step) {
  return pick(frame, &frame->code->operands[step->first_operand], step->num_operands);
}

/* Takes over `value`. */
static void store(code_frame *frame, int32_t destination, TVMFFIAny value) {
  if (destination == NOBODY) {
    drop(&value);
    return;
  }
  drop(&frame->registers[destination]);
  frame->registers[destination] = value;
}

static int run_steps(code_frame *frame, const code_block *block) {
  const vmprof_code *code = frame->code;
  const int32_t end = block->first_step + block->num_steps;
  for (int32_t number = block->first_step; number < end; ++number) {
    const code_step *step = &code->steps[number];
    TVMFFIAny result = {.type_index = kTVMFFINone};
    frame->step = number;
    if (step->callee != NOBODY) {
      const int failed = TVMFFIFunctionCall(code->callees[step->callee], operands_of(frame, step),
                                            step->num_operands, &result);
      if (failed) return failed;
    }
    store(frame, step->destination, result);
  }
  return 0;
}

/* An ffi.Array of `values`. */
static int array_of(TVMFFIAny *values, int32_t count, TVMFFIAny *result) {
  static const TVMFFIByteArray name = {"ffi.Array", sizeof "ffi.Array" - 1};
  TVMFFIObjectHandle make = NULL;
  if (TVMFFIFunctionGetGlobal(&name, &make) != 0) return -1;
  const int code = TVMFFIFunctionCall(make, values, count, result);
  TVMFFIObjectDecRef(make);
  return code;
}

static int where_it_stands(const code_frame *frame, TVMFFIAny *result) {
  TVMFFIAny *values = frame->arguments;
  int count = 0;
  if (frame->step != NOBODY) {
    const code_step *step = &frame->code->steps[frame->step];
    operands_of(frame, step);
    count = step->num_operands;
  }
  memmove(values + 1, values, (size_t)count * sizeof *values);
  values[0] = (TVMFFIAny){.type_index = kTVMFFIInt, .v_int64 = frame->step};
  return array_of(values, count + 1, result);
}

static int enter(const code_frame *frame, const code_block *block, const TVMFFIAny *callee,
                 TVMFFIAny *result) {
  TVMFFIAny *values =
      pick(frame, &frame->code->operands[block->first_operand], block->num_operands);
  if (callee == NULL) return array_of(values, block->num_operands, result);
  return TVMFFIFunctionCall(callee->v_obj, values, block->num_operands, result);
}

static int call_frame(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  code_frame *frame = self;
  const vmprof_code *code = frame->code;
  if (num_args == 0) return where_it_stands(frame, result);
  const int64_t number = args[0].v_int64;
  if (number < 0) {
    return enter(frame, &code->blocks[~number], num_args > 1 ? &args[1] : NULL, result);
  }
  const code_block *block = &code->blocks[number];
  if (num_args > 1) {
    TVMFFIAny value = {.type_index = kTVMFFINone};
    if (TVMFFIAnyViewToOwnedAny(&args[1], &value) != 0) return -1;
    store(frame, block->incoming, value);
  }
  const int failed = run_steps(frame, block);
  if (failed || block->given == NOTHING) return failed;
  const int32_t given = block->given;
  const TVMFFIAny *value = given >= 0 ? &frame->registers[given] : &code->constants[~given];
  *result = *value;
  if (is_object(value)) TVMFFIObjectIncRef(value->v_obj);
  return 0;
}

/* NULL, with TVM's error set, if that fails. */
static code_frame *new_frame(vmprof_code *code, const TVMFFIAny *args, int32_t num_args) {
  /* Room for one more than a call has: see where_it_stands. */
  const size_t values = (size_t)code->num_registers + (size_t)code->most_operands + 1;
  code_frame *frame = calloc(1, sizeof *frame + values * sizeof(TVMFFIAny));
  if (frame == NULL) {
    fail("MemoryError", "no memory for the registers of a function");
    return NULL;
  }
  frame->code = code;
  frame->step = NOBODY;
  frame->arguments = &frame->registers[code->num_registers];
  atomic_fetch_add(&code->references, 1);
  for (int32_t i = 0; i < num_args; ++i) {
    if (TVMFFIAnyViewToOwnedAny(&args[i], &frame->registers[i]) == 0) continue;
    delete_frame(frame);
    return NULL;
  }
  return frame;
}

/* A packed function that owns `frame`. */
static int hand_out(code_frame *frame, TVMFFIAny *result) {
  return vmprof_give_function(frame, call_frame, delete_frame, result);
}

/* (argument...) -> a frame whose first registers they are. */
static int activate(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  code_frame *frame = new_frame(self, args, num_args);
  return frame == NULL ? -1 : hand_out(frame, result);
}

/* The frame of this thread in which a function of one block raised, until it is asked for. */
static _Thread_local code_frame *failed_frame __attribute__((tls_model("initial-exec")));

static void keep_failed(code_frame *frame) {
  if (failed_frame != NULL) delete_frame(failed_frame);
  failed_frame = frame;
}

/* (argument...) -> the result of the function's only block. */
static int run_straight(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  code_frame *frame = new_frame(self, args, num_args);
  if (frame == NULL) return -1;
  const TVMFFIAny block = {.type_index = kTVMFFIInt, .v_int64 = 0};
  const int failed = call_frame(frame, &block, 1, result);
  if (failed) {
    keep_failed(frame);
  } else {
    delete_frame(frame);
  }
  return failed;
}

/* () -> the frame that was kept; nothing if there is none. */
static int hand_out_failed(void *self, const TVMFFIAny *args, int32_t num_args,
                           TVMFFIAny *result) {
  (void)self, (void)args, (void)num_args;
  code_frame *frame = failed_frame;
  failed_frame = NULL;
  return frame == NULL ? 0 : hand_out(frame, result);
}

static void delete_user(void *self) { release(self); }

/* A packed function that calls `function` with the code whose address is `args[0]`. */
static int function_of(const TVMFFIAny *args, TVMFFISafeCallType function, TVMFFIAny *result) {
  vmprof_code *code = (vmprof_code *)(intptr_t)args[0].v_int64;
  atomic_fetch_add(&code->references, 1);
  return vmprof_give_function(code, function, delete_user, result);
}

static int activation(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)num_args;
  return function_of(args, activate, result);
}

static int straight(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)num_args;
  return function_of(args, run_straight, result);
}

int vmprof_register_code_functions(void) {
  int code = vmprof_register_function("vmprof.code.constants", add_constants);
  if (code == 0) code = vmprof_register_function("vmprof.code.callees", add_callees);
  if (code == 0) code = vmprof_register_function("vmprof.code.activation", activation);
  if (code == 0) code = vmprof_register_function("vmprof.code.straight", straight);
  if (code == 0) code = vmprof_register_function("vmprof.code.failed", hand_out_failed);
  return code;
}
