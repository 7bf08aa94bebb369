/* Counters that a user's shared library reads. */
#include "vmprof.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmprof_collector.h"

#define SYMBOL "vmprof_collector_v1"

typedef struct {
  vmprof_source source;
  const vmprof_collector *collector;
  void *self;
  void *library;
} loaded_collector;

static void sample_collector(vmprof_source *source, vmprof_sample *sample) {
  loaded_collector *loaded = (loaded_collector *)source;
  const int failed = loaded->collector->read(loaded->self, sample->values);
  sample->count = failed ? 0 : (uint64_t)source->values;
  sample->enabled_ns = 0;
  sample->running_ns = 0;
}

static int always_on(vmprof_source *source) {
  (void)source;
  return 0;
}

static void one_way(vmprof_source *source) { (void)source; }

static void close_collector(vmprof_source *source) {
  loaded_collector *loaded = (loaded_collector *)source;
  loaded->collector->close(loaded->self);
  dlclose(loaded->library);
  free(loaded);
}

static vmprof_source *fail(void *library, char *problem, uint64_t size, const char *reason) {
  if (reason != NULL) snprintf(problem, size, "%s", reason);
  if (library != NULL) dlclose(library);
  return NULL;
}

vmprof_source *vmprof_collector_open(const char *path, char *problem, uint64_t problem_size) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return fail(NULL, problem, problem_size, dlerror());
  const vmprof_collector *collector = dlsym(library, SYMBOL);
  if (collector == NULL) {
    return fail(library, problem, problem_size, "it exports no " SYMBOL " (vmprof_collector.h)");
  }
  if (collector->count < 1 || collector->names == NULL || collector->open == NULL ||
      collector->read == NULL || collector->close == NULL) {
    return fail(library, problem, problem_size, "its " SYMBOL " is not filled in");
  }
  loaded_collector *loaded = calloc(1, sizeof *loaded);
  if (loaded == NULL) return fail(library, problem, problem_size, "out of memory");
  loaded->self = collector->open(problem, problem_size);
  if (loaded->self == NULL) {
    free(loaded);
    return fail(library, problem, problem_size, NULL);
  }
  loaded->collector = collector;
  loaded->library = library;
  loaded->source = (vmprof_source){
      .values = collector->count,
      .sample = sample_collector,
      .read = sample_collector,
      .enable = always_on,
      .disable = always_on,
      .settle = one_way,
      .close = close_collector,
  };
  return &loaded->source;
}

const char *vmprof_collector_name(const vmprof_source *source, int number) {
  return ((const loaded_collector *)source)->collector->names[number];
}
