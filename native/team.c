/* The threads that take part in the runs of a pass, each with counters of its own.
 *
 * A thread joins at its first task. Its sources stay open from then on; between
 * runs the running thread switches them, which works across threads. */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct member {
  struct member *next;
  int64_t thread;
  int64_t linux_thread;
  int64_t settled; /* in which run its sources chose how they are read */
  clockid_t cpu_clock;
  vmprof_source *sources[];
} member;

struct vmprof_team {
  int64_t number; /* of all teams of this process */
  int64_t run;
  vmprof_source *const *of_runner;
  int num_sources;
  int samples; /* there is a sampler among them */
  _Atomic(member *) members;
  atomic_int failed;
  int64_t problem[3];     /* of the first member that could not open its sources */
  int of_run;             /* what went wrong with the runner's in this run: VMPROF_STAYED_OFF, ... */
  int64_t run_problem[3];
  vmprof_source *nothing[]; /* the sources of a thread that got no memory */
};

static atomic_int_fast64_t teams;
static atomic_int_fast64_t threads;

static _Thread_local int64_t this_thread __attribute__((tls_model("initial-exec")));
/* The team that this thread worked in last, and its place there. Teams come and go, at
 * the same addresses: they are told apart by number. */
static _Thread_local struct {
  int64_t team;
  member *member;
} last __attribute__((tls_model("initial-exec")));

int64_t vmprof_thread_number(void) {
  if (this_thread == 0) this_thread = atomic_fetch_add(&threads, 1) + 1;
  return this_thread;
}

/* The first one is kept. Threads write it before the launch that their task belongs to ends. */
static void report(vmprof_team *team, int source, const int64_t problem[2]) {
  int nobody = 0;
  if (!atomic_compare_exchange_strong(&team->failed, &nobody, 1)) return;
  team->problem[0] = source;
  team->problem[1] = problem[0];
  team->problem[2] = problem[1];
}

/* A thread that is gone has nothing to count. */
static void enable(vmprof_team *team, int number, vmprof_source *source) {
  const int code = source->enable(source);
  if (code != 0 && code != -ESRCH) report(team, number, (int64_t[]){0, code});
}

/* ---- between runs ------------------------------------------------------------- */

vmprof_team *vmprof_team_new(vmprof_source *const *sources, int num_sources) {
  vmprof_team *team =
      calloc(1, sizeof *team + 2 * (size_t)num_sources * sizeof *sources);
  if (team == NULL) return NULL;
  vmprof_source **copy = &team->nothing[num_sources];
  for (int i = 0; i < num_sources; ++i) {
    copy[i] = sources[i];
    team->samples |= vmprof_source_is_sampler(sources[i]);
  }
  team->number = atomic_fetch_add(&teams, 1) + 1;
  team->of_runner = copy;
  team->num_sources = num_sources;
  return team;
}

static void report_run(vmprof_team *team, int kind, int source, int code) {
  if (team->of_run != VMPROF_NO_PROBLEM) return;
  team->of_run = kind;
  team->run_problem[0] = source;
  team->run_problem[2] = code;
}

void vmprof_team_enable(vmprof_team *team) {
  team->run += 1;
  team->of_run = VMPROF_NO_PROBLEM;
  for (member *each = atomic_load(&team->members); each != NULL; each = each->next) {
    for (int i = 0; i < team->num_sources; ++i) {
      if (each->sources[i] != NULL) enable(team, i, each->sources[i]);
    }
  }
  for (int i = 0; i < team->num_sources; ++i) {
    const int code = vmprof_source_enable(team->of_runner[i]);
    if (code != 0) report_run(team, VMPROF_STAYED_OFF, i, code);
  }
}

void vmprof_team_disable(vmprof_team *team) {
  for (int i = 0; i < team->num_sources; ++i) {
    const int code = vmprof_source_disable(team->of_runner[i]);
    if (code != 0) report_run(team, VMPROF_COUNTED_LESS, i, code);
  }
  for (member *each = atomic_load(&team->members); each != NULL; each = each->next) {
    for (int i = 0; i < team->num_sources; ++i) {
      if (each->sources[i] != NULL) each->sources[i]->disable(each->sources[i]);
    }
  }
}

void vmprof_team_release(vmprof_team *team) {
  if (team == NULL || vmprof_is_ending()) return;
  vmprof_run_abandon(team);
  member *each = atomic_load(&team->members);
  while (each != NULL) {
    member *next = each->next;
    for (int i = 0; i < team->num_sources; ++i) {
      if (each->sources[i] != NULL) each->sources[i]->close(each->sources[i]);
    }
    free(each);
    each = next;
  }
  free(team);
}

uint64_t vmprof_team_cpu_ns(const vmprof_team *team) {
  uint64_t sum = 0;
  for (const member *each = atomic_load(&team->members); each != NULL; each = each->next) {
    sum += vmprof_cpu_ns(each->cpu_clock);
  }
  return sum;
}

int vmprof_team_has(const vmprof_team *team, int64_t linux_thread) {
  const member *each = atomic_load(&team->members);
  while (each != NULL && each->linux_thread != linux_thread) each = each->next;
  return each != NULL;
}

int vmprof_team_problem(const vmprof_team *team, int64_t problem[3]) {
  const int joined = !atomic_load(&team->failed);
  const int kind = team->of_run != VMPROF_NO_PROBLEM || joined ? team->of_run : VMPROF_NOT_OPENED;
  const int64_t *found = kind == VMPROF_NOT_OPENED ? team->problem : team->run_problem;
  for (int i = 0; i < 3; ++i) problem[i] = found[i];
  return kind;
}

/* ---- what samplers found -------------------------------------------------------- */

/* Each source of the team, one after the other, NULL behind the last. `each` is where the search
 * goes on: NULL at first, then the member, and `number` the next of its sources. */
typedef struct {
  member *each;
  int is_member;
  int number;
} place;

static vmprof_source *next_source(const vmprof_team *team, place *at) {
  for (;;) {
    if (at->number < team->num_sources) {
      const int number = at->number++;
      vmprof_source *source =
          at->is_member ? at->each->sources[number] : team->of_runner[number];
      if (source != NULL) return source;
      continue;
    }
    at->each = at->is_member ? at->each->next : atomic_load(&team->members);
    at->is_member = 1;
    at->number = 0;
    if (at->each == NULL) return NULL;
  }
}

int64_t vmprof_team_hits(const vmprof_team *team) {
  place at = {0};
  int64_t hits = 0;
  for (vmprof_source *source; (source = next_source(team, &at)) != NULL;) {
    hits += vmprof_sampler_count(source);
  }
  return hits;
}

int vmprof_team_is_half_full(const vmprof_team *team) {
  if (!team->samples) return 0; /* asked before each invocation of a session */
  place at = {0};
  for (vmprof_source *source; (source = next_source(team, &at)) != NULL;) {
    if (vmprof_sampler_is_half_full(source)) return 1;
  }
  return 0;
}

void vmprof_team_take_hits(vmprof_team *team, vmprof_hit *hits, vmprof_missed *missed) {
  place at = {0};
  for (vmprof_source *source; (source = next_source(team, &at)) != NULL;) {
    hits += vmprof_sampler_take(source, hits, missed);
  }
}

/* ---- in a run, on a thread that does a task ------------------------------------ */

static member *join(vmprof_team *team) {
  member *joining = calloc(1, sizeof *joining + (size_t)team->num_sources * sizeof(void *));
  if (joining == NULL) return NULL;
  joining->thread = vmprof_thread_number();
  joining->linux_thread = syscall(SYS_gettid);
  pthread_getcpuclockid(pthread_self(), &joining->cpu_clock);
  for (int i = 0; i < team->num_sources; ++i) {
    const vmprof_source *source = team->of_runner[i];
    int64_t problem[2];
    if (source->clone == NULL) continue;
    joining->sources[i] = source->clone(source, problem);
    if (joining->sources[i] != NULL) {
      enable(team, i, joining->sources[i]);
    } else {
      report(team, i, problem);
    }
  }
  joining->next = atomic_load(&team->members);
  while (!atomic_compare_exchange_weak(&team->members, &joining->next, joining)) continue;
  return joining;
}

static member *find(const vmprof_team *team) {
  const int64_t thread = vmprof_thread_number();
  member *each = atomic_load(&team->members);
  while (each != NULL && each->thread != thread) each = each->next;
  return each;
}

vmprof_source *const *vmprof_team_sources(vmprof_team *team) {
  if (last.team != team->number) {
    member *own = find(team);
    if (own == NULL) own = join(team);
    if (own == NULL) {
      report(team, 0, (int64_t[]){0, -ENOMEM});
      return team->nothing;
    }
    last.team = team->number;
    last.member = own;
  }
  if (last.member->settled != team->run) {
    last.member->settled = team->run;
    for (int i = 0; i < team->num_sources; ++i) {
      vmprof_source *source = last.member->sources[i];
      if (source != NULL) source->settle(source);
    }
  }
  return last.member->sources;
}
