/* What a library of kernels and TVM's runtime are to the shim: a launch function, and a slot that
 * kernels call it by. Tasks run on threads that live as long as the thread that launches, as
 * those of TVM's pool do. */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct {
  pthread_t thread;
  atomic_int has_work; /* 0: done; 1: to do; -1: to end */
  int number;
  struct work *work;
} worker;

struct work {
  parallel_task task;
  void *data;
  atomic_int failed;
};

static _Thread_local worker *workers;

static void *serve(void *self) {
  worker *own = self;
  for (;;) {
    const int asked = atomic_load(&own->has_work);
    if (asked < 0) return NULL;
    if (asked == 0) {
      sched_yield();
      continue;
    }
    struct work *work = own->work;
    if (work->task(own->number, NULL, work->data) != 0) atomic_store(&work->failed, 1);
    atomic_store(&own->has_work, 0);
  }
}

static void start(void) {
  workers = calloc(POOL_WORKERS, sizeof *workers);
  for (int i = 0; i < POOL_WORKERS; ++i) {
    workers[i].number = i + 1;
    pthread_create(&workers[i].thread, NULL, serve, &workers[i]);
  }
}

void pool_end(void) {
  if (workers == NULL) return;
  for (int i = 0; i < POOL_WORKERS; ++i) {
    atomic_store(&workers[i].has_work, -1);
    pthread_join(workers[i].thread, NULL);
  }
  free(workers);
  workers = NULL;
}

int TVMBackendParallelLaunch(parallel_task task, void *data, int num_tasks) {
  if (workers == NULL) start();
  struct work work = {task, data, 0};
  for (int i = 0; i < num_tasks - 1; ++i) {
    workers[i].work = &work;
    atomic_store(&workers[i].has_work, 1);
  }
  if (task(0, NULL, data) != 0) atomic_store(&work.failed, 1);
  for (int i = 0; i < num_tasks - 1; ++i) {
    while (atomic_load(&workers[i].has_work) != 0) sched_yield();
  }
  return atomic_load(&work.failed) ? -1 : 0;
}

/* The slot, which is found by its name. */
parallel_launch __TVMBackendParallelLaunch = TVMBackendParallelLaunch;

int pool_launch(parallel_task task, void *data, int num_tasks) {
  return __TVMBackendParallelLaunch(task, data, num_tasks);
}
