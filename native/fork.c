/* Processes that begin and end.
 *
 * What a child of fork() has of its parent's counters: nothing.
 * Their pages are not mapped in the child, and something of its own may lie there before it closes
 * a source; their descriptors are the parent's own counters, which the child must neither switch
 * nor read. So each source that has either is known here, and dies in the child at once. */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vmprof_source *first;

void vmprof_source_known(vmprof_source *source) {
  pthread_mutex_lock(&lock);
  source->after = first;
  source->before = &first;
  if (first != NULL) first->before = &source->after;
  first = source;
  pthread_mutex_unlock(&lock);
}

static void take_out(vmprof_source *source) {
  if (source->before == NULL) return;
  *source->before = source->after;
  if (source->after != NULL) source->after->before = source->before;
  source->before = NULL;
}

void vmprof_source_gone(vmprof_source *source) {
  pthread_mutex_lock(&lock);
  take_out(source);
  pthread_mutex_unlock(&lock);
}

/* ---- the end ------------------------------------------------------------------------------ */

static atomic_int ending;

void vmprof_end(void) { atomic_store(&ending, 1); }
int vmprof_is_ending(void) { return atomic_load(&ending); }

/* ---- a source that died ----------------------------------------------------------------- */

static void read_nothing(vmprof_source *source, vmprof_sample *sample) {
  (void)source;
  *sample = (vmprof_sample){0};
}

static int refuse(vmprof_source *source) {
  (void)source;
  return -ECHILD;
}

static void settle_nothing(vmprof_source *source) { (void)source; }

static vmprof_source *clone_nothing(const vmprof_source *source, int64_t problem[2]) {
  (void)source;
  problem[0] = 0;
  problem[1] = -ECHILD;
  return NULL;
}

/* ---- fork() -------------------------------------------------------------------------------- */

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void in_parent(void) { pthread_mutex_unlock(&lock); }

static void in_child(void) {
  while (first != NULL) {
    vmprof_source *source = first;
    take_out(source);
    source->orphan(source);
    source->read = read_nothing;
    source->sample = read_nothing;
    source->enable = refuse;
    source->disable = refuse;
    source->settle = settle_nothing;
    source->clone = clone_nothing;
  }
  /* Windows that are open are never closed: vmprof_call_close, vmprof_run_end. */
  vmprof_here = (vmprof_work){0};
  pthread_mutex_unlock(&lock);
}

int vmprof_watch_forks(void) {
  static atomic_int watches;
  return atomic_exchange(&watches, 1) ? 0 : pthread_atfork(before_fork, in_parent, in_child);
}
