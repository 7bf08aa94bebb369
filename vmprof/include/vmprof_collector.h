/* Counters of your own, read by vmprof at both ends of every call.
 *
 * A shared library that exports a `vmprof_collector` named
 * `vmprof_collector_v1` is loaded with `vmprof run --collector LIBRARY.so`.
 * Values are counted up from any start; the difference over a call, modulo
 * 2^64, is what the call cost. docs/how-to/extending.md has a complete example. */
#ifndef VMPROF_COLLECTOR_H_
#define VMPROF_COLLECTOR_H_

#include <stddef.h>
#include <stdint.h>

typedef struct {
  /* How many values `read` delivers, and their names: the report's columns. */
  int count;
  const char *const *names;
  /* Called once, by the thread that will run the model. What it returns is
   * handed to the others. NULL: nothing can be counted; write a line into
   * `problem` that says why and what to do. */
  void *(*open)(char *problem, size_t problem_size);
  /* Called inside the measured window: no allocation, no lock, nothing slow.
   * Writes `count` values. Not 0: this reading failed, and what was counted
   * in this run is not used. */
  int (*read)(void *self, uint64_t *values);
  void (*close)(void *self);
} vmprof_collector;

#endif /* VMPROF_COLLECTOR_H_ */
