/* A kernel with perf events, in place of this machine's: what a thread's events count is what the
 * harness says that the thread did. */
#ifndef KERNEL_H_
#define KERNEL_H_

#include <stdint.h>

/* In place of the shim's system calls. */
void kernel_play(void);
/* The calling thread did so much more. */
void kernel_work(uint64_t amount);
/* Descriptors and pages that are open. */
int64_t kernel_open(void);

#endif /* KERNEL_H_ */
