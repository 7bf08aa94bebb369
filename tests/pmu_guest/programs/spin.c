/* The packed function "spin": a loop of known length.
 *
 * spin(n) executes 2 n instructions, and a few to get there and back. */
#include <stdint.h>

#include <tvm/ffi/c_api.h>

__attribute__((visibility("default"))) int __tvm_ffi_spin(void *self, const TVMFFIAny *args,
                                                          int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)num_args, (void)result;
  uint64_t left = (uint64_t)args[0].v_int64;
#if defined(__aarch64__)
  __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(left) : : "cc");
#elif defined(__x86_64__)
  __asm__ volatile("1: decq %0\n jnz 1b" : "+r"(left) : : "cc");
#else
#error "spin.c knows no loop for this processor"
#endif
  return 0;
}
