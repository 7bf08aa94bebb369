/* CPU time as the scheduler accounts for it: needs no perf event, and costs a system call. */
#include "recorder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  vmprof_source source;
  const vmprof_team *team; /* of VMPROF_CPU_OF_TEAM */
  clockid_t *clocks; /* of VMPROF_CPU_OF_THREADS */
  int num_clocks;
} cpu_source;

uint64_t vmprof_cpu_ns(int clock) {
  struct timespec now;
  if (clock_gettime((clockid_t)clock, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fill(vmprof_sample *sample, uint64_t nanoseconds) {
  *sample = (vmprof_sample){.count = 1};
  sample->values[0] = nanoseconds;
}

static void sample_thread(vmprof_source *source, vmprof_sample *sample) {
  (void)source;
  fill(sample, vmprof_cpu_ns(CLOCK_THREAD_CPUTIME_ID));
}

static void sample_process(vmprof_source *source, vmprof_sample *sample) {
  (void)source;
  fill(sample, vmprof_cpu_ns(CLOCK_PROCESS_CPUTIME_ID));
}

static void sample_threads(vmprof_source *source, vmprof_sample *sample) {
  const cpu_source *cpu = (const cpu_source *)source;
  uint64_t sum = 0;
  for (int i = 0; i < cpu->num_clocks; ++i) sum += vmprof_cpu_ns(cpu->clocks[i]);
  fill(sample, sum);
}

/* The clock of a thread by the kernel's number (include/linux/posix-timers_types.h). */
static clockid_t clock_of(int thread) { return (clockid_t)((~(unsigned)thread << 3) | 6); }

/* The threads are those that there are now. */
static int find_threads(vmprof_source *source) {
  cpu_source *cpu = (cpu_source *)source;
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return -errno;
  cpu->num_clocks = 0;
  for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    clockid_t *more = realloc(cpu->clocks, (size_t)(cpu->num_clocks + 1) * sizeof *more);
    if (more == NULL) break;
    cpu->clocks = more;
    cpu->clocks[cpu->num_clocks++] = clock_of(atoi(task->d_name));
  }
  closedir(tasks);
  return 0;
}

static void sample_team(vmprof_source *source, vmprof_sample *sample) {
  const vmprof_team *team = ((cpu_source *)source)->team;
  const uint64_t of_members = team != NULL ? vmprof_team_cpu_ns(team) : 0;
  fill(sample, vmprof_cpu_ns(CLOCK_THREAD_CPUTIME_ID) + of_members);
}

static int always_on(vmprof_source *source) {
  (void)source;
  return 0;
}

static void one_way(vmprof_source *source) { (void)source; }

static void close_cpu(vmprof_source *source) {
  free(((cpu_source *)source)->clocks);
  free(source);
}

static vmprof_source *clone_thread(const vmprof_source *source, int64_t problem[2]) {
  (void)source;
  problem[0] = 0;
  problem[1] = -ENOMEM;
  return vmprof_cpu_open(VMPROF_CPU_OF_THREAD);
}

vmprof_source *vmprof_cpu_open(int whose) {
  void (*const samples[])(vmprof_source *, vmprof_sample *) = {
      [VMPROF_CPU_OF_THREAD] = sample_thread,
      [VMPROF_CPU_OF_TEAM] = sample_team,
      [VMPROF_CPU_OF_THREADS] = sample_threads,
      [VMPROF_CPU_OF_PROCESS] = sample_process,
  };
  cpu_source *cpu = calloc(1, sizeof *cpu);
  if (cpu == NULL) return NULL;
  cpu->source = (vmprof_source){
      .values = 1,
      .sample = samples[whose],
      .read = samples[whose],
      .enable = whose == VMPROF_CPU_OF_THREADS ? find_threads : always_on,
      .disable = always_on,
      .settle = one_way,
      .clone = whose == VMPROF_CPU_OF_THREAD ? clone_thread : NULL,
      .close = close_cpu,
  };
  return &cpu->source;
}

void vmprof_cpu_watch(vmprof_source *source, const vmprof_team *team) {
  ((cpu_source *)source)->team = team;
}

/* ---- what reading costs ------------------------------------------------------------ */

/* The sum of the sources' first values. */
static uint64_t read_all(vmprof_source *const *sources, int num_sources, char *samples) {
  uint64_t sum = 0;
  for (int i = 0; i < num_sources; ++i) {
    vmprof_sample *sample = (vmprof_sample *)samples;
    sources[i]->sample(sources[i], sample);
    sum += sample->values[0];
    samples += vmprof_sample_size(sources[i]->values);
  }
  return sum;
}

vmprof_reading_cost vmprof_cpu_reading_cost(vmprof_source *const *sources, int num_sources,
                                            int windows) {
  uint64_t size = 0;
  for (int i = 0; i < num_sources; ++i) size += vmprof_sample_size(sources[i]->values);
  char *samples = malloc(size + 1);
  if (samples == NULL) return (vmprof_reading_cost){0, 0};
  read_all(sources, num_sources, samples); /* the first reading is slower */
  uint64_t in_windows = 0;
  int64_t empty = INT64_MAX;
  /* Time may hold an interruption: its least counts. CPU time holds none, its mean counts. */
  const uint64_t began = vmprof_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < windows; ++i) {
    const uint64_t before = read_all(sources, num_sources, samples);
    const int64_t begin_ns = vmprof_clock_ns();
    const int64_t end_ns = vmprof_clock_ns();
    in_windows += read_all(sources, num_sources, samples) - before;
    if (end_ns - begin_ns < empty) empty = end_ns - begin_ns;
  }
  const uint64_t spent = vmprof_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - began;
  free(samples);
  return (vmprof_reading_cost){
      .inside = (int64_t)in_windows / windows - empty,
      .whole = (int64_t)spent / windows,
  };
}
