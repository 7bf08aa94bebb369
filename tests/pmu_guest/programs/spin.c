/* The packed functions "spin" and "spin_in_tasks": loops of known length.
 *
 * spin(n) executes 2 n instructions, and a few to get there and back.
 * spin_in_tasks(m, n) launches two tasks, of which the first spins m and the
 * second n times. */
#include <stdint.h>

#include <tvm/ffi/c_api.h>

#define EXPORTED __attribute__((visibility("default")))

/* TVM fills it in when it loads the library (tvm/runtime/c_backend_api.h). */
EXPORTED int (*__TVMBackendParallelLaunch)(int (*task)(int, void *, void *), void *data,
                                           int num_tasks);

static void spin(uint64_t left) {
#if defined(__aarch64__)
  __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(left) : : "cc");
#elif defined(__x86_64__)
  __asm__ volatile("1: decq %0\n jnz 1b" : "+r"(left) : : "cc");
#else
#error "spin.c knows no loop for this processor"
#endif
}

EXPORTED int __tvm_ffi_spin(void *self, const TVMFFIAny *args, int32_t num_args,
                            TVMFFIAny *result) {
  (void)self, (void)num_args, (void)result;
  spin((uint64_t)args[0].v_int64);
  return 0;
}

static int spin_task(int task, void *environment, void *data) {
  (void)environment;
  spin((uint64_t)((const TVMFFIAny *)data)[task].v_int64);
  return 0;
}

EXPORTED int __tvm_ffi_spin_in_tasks(void *self, const TVMFFIAny *args, int32_t num_args,
                                     TVMFFIAny *result) {
  (void)self, (void)num_args, (void)result;
  return __TVMBackendParallelLaunch(spin_task, (void *)args, 2);
}
