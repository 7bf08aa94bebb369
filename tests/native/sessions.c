/* Sessions: threads that come and go call the same functions, which share their sites, and one
 * session ends while they call. What Python does of it (vmprof/record/sessions) is done here. */
#include "harness.h"

#include <sched.h>
#include <stdlib.h>

#define FUNCTIONS 3
#define GENERATIONS 3
#define MAX_RECORDS (8 * RECORDS_OF_RUN)

/* The turns of an invocation, as Python has them. */
enum { TIMED, COUNTED, SAMPLED, NUM_TURNS };

typedef struct {
  vmprof_caller *pointer;
  vmprof_source *sources[2];
  vmprof_team *teams[2];
} caller;

static struct {
  pthread_mutex_t lock; /* of what Python's lock is around, and no more */
  vmprof_session *session;
  caller callers[THREADS * (GENERATIONS + 1)];
  int num_callers;
  int64_t invocations, recorded;
  TVMFFIObjectHandle entries[FUNCTIONS];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- threads that call -------------------------------------------------------------- */

static void check(vmprof_caller *pointer, const vmprof_invocation *each) {
  if (each->failed || each->turn == VMPROF_NO_TURN) return;
  CHECK(each->dropped == 0 && each->uncounted == VMPROF_NO_PROBLEM);
  CHECK(each->records == RECORDS_OF_RUN);
  const vmprof_recorder *recorder = vmprof_caller_recorder(pointer, each->turn);
  if (each->turn == COUNTED) check_counts(recorder, each->first);
  if (each->turn == TIMED) check_times(recorder, each->first);
  all.recorded += 1;
}

static void fold(const caller *of) {
  const int64_t count = vmprof_caller_count(of->pointer);
  const vmprof_invocation *invocations = vmprof_caller_invocations(of->pointer);
  for (int64_t i = 0; i < count; ++i) check(of->pointer, &invocations[i]);
  all.invocations += count;
  const int64_t hits = vmprof_team_hits(of->teams[1]);
  vmprof_hit *taken = calloc((size_t)hits + 1, sizeof *taken);
  vmprof_missed missed = {0, 0};
  vmprof_team_take_hits(of->teams[1], taken, &missed);
  for (int64_t i = 0; i < hits; ++i) CHECK(taken[i].thread > 0 && taken[i].period == 1);
  CHECK(missed.lost == 0);
  free(taken);
}

static void close_caller(caller *of) {
  vmprof_caller_release(of->pointer);
  for (int i = 0; i < 2; ++i) {
    vmprof_team_release(of->teams[i]);
    vmprof_source_close(of->sources[i]);
  }
  *of = all.callers[--all.num_callers];
}

static int join(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)args, (void)num_args;
  pthread_mutex_lock(&all.lock);
  for (int i = all.num_callers - 1; i >= 0; --i) {
    if (!vmprof_caller_is_gone(all.callers[i].pointer)) continue;
    fold(&all.callers[i]);
    close_caller(&all.callers[i]);
  }
  caller *made = &all.callers[all.num_callers++];
  made->pointer = vmprof_caller_new(all.session, MAX_RECORDS);
  made->sources[0] = open_group(/*user_reads=*/1);
  made->sources[1] = open_sampler();
  for (int i = 0; i < 2; ++i) made->teams[i] = vmprof_team_new(&made->sources[i], 1);
  const int modes[] = {VMPROF_TIME, VMPROF_COUNT, VMPROF_TIME | VMPROF_COUNT};
  for (int turn = TIMED; turn < NUM_TURNS; ++turn) {
    const int counts = turn != TIMED;
    CHECK(vmprof_caller_turn(made->pointer, modes[turn] | VMPROF_TASKS,
                             counts ? &made->sources[turn - 1] : NULL, counts,
                             counts ? made->teams[turn - 1] : NULL, MAX_RECORDS) == 0);
  }
  *result = harness_address(made->pointer);
  pthread_mutex_unlock(&all.lock);
  return 0;
}

static int fold_full(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self, (void)num_args, (void)result;
  pthread_mutex_lock(&all.lock);
  for (int i = 0; i < all.num_callers; ++i) {
    if ((int64_t)(intptr_t)all.callers[i].pointer != args[0].v_int64) continue;
    fold(&all.callers[i]);
    vmprof_caller_clear(all.callers[i].pointer);
  }
  pthread_mutex_unlock(&all.lock);
  return 0;
}

/* ---- what they call -------------------------------------------------------------------- */

static void call(int number) {
  const int raises = number % 7 == 0;
  TVMFFIAny which = {.type_index = kTVMFFIInt, .v_int64 = number % KERNELS};
  TVMFFIAny result = {.type_index = kTVMFFINone};
  const int before = vmprof_label(number % 2);
  const int code =
      TVMFFIFunctionCall(all.entries[number % FUNCTIONS], &which, raises, &result);
  vmprof_label(before);
  CHECK((code != 0) == raises);
  if (code != 0) harness_clear_error();
}

static void *call_often(void *invocations) {
  for (int i = 0; i < *(const int *)invocations / GENERATIONS; ++i) call(i);
  return NULL;
}

static atomic_int called;

static void *call_until_closed(void *nothing) {
  (void)nothing;
  for (int i = 0; vmprof_session_is_open(all.session); ++i) {
    call(i);
    atomic_fetch_add(&called, 1);
  }
  for (int i = 0; i < 10; ++i) call(i); /* the program goes on */
  return NULL;
}

static void *close_meanwhile(void *nothing) {
  (void)nothing;
  while (atomic_load(&called) < 20 * THREADS) sched_yield();
  vmprof_session_close(all.session);
  return NULL;
}

void try_session(int invocations) {
  TVMFFIObjectHandle ask[] = {harness_function(NULL, join), harness_function(NULL, fold_full)};
  all.session = vmprof_session_new(NUM_TURNS, ask[0], ask[1]);
  model plain, recorded;
  model_make(&plain, NULL);
  model_make(&recorded, vmprof_session_root(all.session));
  TVMFFIObjectHandle entry = harness_global("vmprof.entry");
  for (int i = 0; i < FUNCTIONS; ++i) {
    TVMFFIAny state = harness_address(vmprof_entry_new(all.session, i, KERNELS + i,
                                                       plain.function, recorded.function));
    all.entries[i] = harness_call(entry, &state, 1).v_obj;
  }
  for (int i = 0; i < GENERATIONS; ++i) on_threads(call_often, &invocations);
  pthread_t closer;
  pthread_create(&closer, NULL, close_meanwhile, NULL);
  on_threads(call_until_closed, NULL);
  pthread_join(closer, NULL);
  while (all.num_callers > 0) {
    CHECK(!vmprof_caller_is_busy(all.callers[0].pointer));
    fold(&all.callers[0]);
    close_caller(&all.callers[0]);
  }
  CHECK(all.invocations >= (int64_t)THREADS * (invocations / GENERATIONS) * GENERATIONS);
  CHECK(all.recorded > all.invocations / 2);
  for (int i = 0; i < FUNCTIONS; ++i) TVMFFIObjectDecRef(all.entries[i]);
  model_drop(&plain);
  model_drop(&recorded);
  TVMFFIObjectDecRef(entry);
  for (int i = 0; i < 2; ++i) TVMFFIObjectDecRef(ask[i]);
  vmprof_session_release(all.session);
}
