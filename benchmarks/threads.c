/* Parallel launches as kernels make them, and threads that keep the process busy. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

typedef int (*parallel_task)(int task, void *environment, void *data);
typedef int (*parallel_launch)(parallel_task task, void *data, int num_tasks);

static int nothing(int task, void *environment, void *data) {
  (void)task, (void)environment, (void)data;
  return 0;
}

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

/* Nanoseconds of each of `launches` launches of as many empty tasks as there are threads. */
void time_launches(parallel_launch launch, int launches, double *nanoseconds) {
  for (int i = 0; i < launches; ++i) {
    const double began = now_ns();
    launch(nothing, NULL, 0);
    nanoseconds[i] = now_ns() - began;
  }
}

/* The same around two readings, as a window with inherited counters takes them. */
void time_samples(parallel_launch launch, void (*sample)(void *, void *), void *source,
                  void *target, int launches, double *nanoseconds) {
  for (int i = 0; i < launches; ++i) {
    const double began = now_ns();
    sample(source, target);
    launch(nothing, NULL, 0);
    sample(source, target);
    nanoseconds[i] = now_ns() - began;
  }
}

static atomic_int over;
static pthread_t threads[64];
static int running;

static void *other_thread(void *spins) {
  const struct timespec nap = {0, 1000000};
  while (!atomic_load_explicit(&over, memory_order_relaxed)) {
    if (spins == NULL) nanosleep(&nap, NULL);
  }
  return NULL;
}

/* `count` threads, at most 64, that spin or sleep until `end_others`. */
void begin_others(int count, int spin) {
  atomic_store(&over, 0);
  for (running = 0; running < count; ++running) {
    if (pthread_create(&threads[running], NULL, other_thread, spin ? &over : NULL) != 0) break;
  }
}

void end_others(void) {
  atomic_store(&over, 1);
  while (running > 0) pthread_join(threads[--running], NULL);
}
