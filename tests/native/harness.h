/* What both parts of the harness use: a model of some kernels, as packed functions. */
#ifndef HARNESS_H_
#define HARNESS_H_

#include <pthread.h>
#include <stdatomic.h>

#include "kernel.h"
#include "pool.h"
#include "vmprof.h"

#define THREADS 8
#define KERNELS 4
#define TASKS (1 + POOL_WORKERS)
#define EVENTS 2
/* What a kernel does itself, and each of its tasks. */
#define OF_CALL 1
#define OF_TASK 10
/* A call, its launch, its tasks; and the run. */
#define RECORDS_OF_CALL (2 + TASKS)
#define RECORDS_OF_RUN (1 + KERNELS * RECORDS_OF_CALL)

/* Says what does not hold, and that the harness has failed. */
#define CHECK(what, ...) \
  do { \
    if (!(what)) harness_failed(__FILE__, __LINE__, #what); \
  } while (0)
void harness_failed(const char *file, int line, const char *what);

extern atomic_int_fast64_t harness_calls; /* of kernels, that were checked */

TVMFFIAny harness_address(const void *pointer);
TVMFFIObjectHandle harness_function(void *self, TVMFFISafeCallType call);
TVMFFIObjectHandle harness_global(const char *name);
/* What it gives; the harness fails if it raises. */
TVMFFIAny harness_call(TVMFFIObjectHandle function, TVMFFIAny *args, int num_args);
void harness_clear_error(void);

/* Kernels, plain or each wrapped for `root`, and a function that calls all of them: with an
 * argument, the kernel of that number raises. */
typedef struct {
  TVMFFIObjectHandle kernels[KERNELS];
  TVMFFIObjectHandle function;
} model;
void model_make(model *made, const vmprof_recorder *root);
void model_drop(model *made);

/* Sources of the calling thread, counting it. */
vmprof_source *open_group(int user_reads);
vmprof_source *open_sampler(void);

/* The records of a run from `first` on that counts by `open_group`: exactly what was done. */
void check_counts(const vmprof_recorder *recorder, int64_t first);
void check_times(const vmprof_recorder *recorder, int64_t first);

/* Runs of each thread's own, with and without a hook; and sessions of all threads. */
void try_runs(int runs);
void try_session(int invocations);

/* On so many threads at once; each ends its workers. */
void on_threads(void *(*program)(void *), void *data);

#endif /* HARNESS_H_ */
