/* Invocations: what a user's program calls from outside, of any function of any VM.
 *
 * A session's invocations of a function take turns: one with the clock around each call,
 * one for each pass of counters, one that is not recorded and tells what the others cost.
 * Each cycle begins one turn later than the one before it, so that a program whose own
 * habits repeat as often (long, short, long, short, ...) does not show one of them alone.
 *
 * Each thread has buffers of its own, one for the invocations and one for the records of
 * each turn. An invocation finds everything there: nothing is allocated or locked, and
 * Python is asked only between invocations, when a buffer is half full. */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Records whose pages are memory before a thread's first invocation. */
#define TOUCHED_AT_FIRST 4096

struct vmprof_session {
  atomic_int references; /* Python's one, and one per living entry and caller */
  atomic_int open;
  atomic_int interrupted; /* while Python was asked: tvm-ffi does not tell it from other errors */
  int64_t number;        /* of all sessions of this process */
  int num_turns;
  vmprof_recorder *root;
  TVMFFIObjectHandle join;
  TVMFFIObjectHandle fold;
  atomic_int_fast64_t *calls;   /* of each function, by label */
  vmprof_session *left_earlier; /* by a thread, see `left` */
};

#define CALLS_SIZE \
  ((size_t)VMPROF_MAX_FUNCTIONS * VMPROF_MAX_LABELS * sizeof(atomic_int_fast64_t))

struct vmprof_caller {
  atomic_int references; /* Python's one, and the thread's */
  atomic_int busy;
  atomic_int gone;
  vmprof_session *session;
  int64_t thread;
  vmprof_invocation *invocations;
  int64_t max_invocations;
  atomic_int_fast64_t count;
  int64_t largest; /* invocation so far, in records */
  int num_turns;
  vmprof_recorder *recorders[];
};

struct vmprof_entry_state {
  vmprof_session *session;
  vmprof_site site;
  int32_t function;
  TVMFFIObjectHandle plain;
  TVMFFIObjectHandle recorded;
  atomic_int ran_recorded;
};

/* The calling thread, in the session that it called in last. Sessions come and go, at the
 * same addresses: they are told apart by number. */
static _Thread_local struct {
  int64_t session;
  vmprof_caller *caller;
  int inside; /* an invocation */
  int label;
} here __attribute__((tls_model("initial-exec")));

static pthread_key_t callers; /* the same caller, for when its thread ends */
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static _Atomic(vmprof_session *) newest;
/* Sessions that nobody has any more since a thread ended, until there is a next one. */
static _Atomic(vmprof_session *) left;

/* ---- threads and processes that end or begin ------------------------------------------ */

/* What sessions have of Python's is not released here: Python may be ending too, and ends a thread
 * that wants its lock then, in the middle of C++ that must not be left so, which aborts. */
static void thread_ends(void *data) {
  vmprof_caller *caller = data;
  vmprof_session *session = caller->session;
  atomic_store(&caller->gone, 1);
  atomic_fetch_add(&session->references, 1);
  vmprof_caller_release(caller);
  if (atomic_fetch_sub(&session->references, 1) > 1) return;
  session->left_earlier = atomic_load(&left);
  while (!atomic_compare_exchange_weak(&left, &session->left_earlier, session)) {
  }
}

/* The child has the recordings of its parent's: it records nothing (and see fork.c). */
static void in_child(void) {
  vmprof_session *session = atomic_load(&newest);
  if (session != NULL) atomic_store(&session->open, 0);
}

static void prepare(void) {
  pthread_key_create(&callers, thread_ends);
  pthread_atfork(NULL, NULL, in_child);
}

/* ---- sessions --------------------------------------------------------------------------- */

static void free_session(vmprof_session *session) {
  vmprof_session *expected = session;
  atomic_compare_exchange_strong(&newest, &expected, NULL);
  TVMFFIObjectDecRef(session->join);
  TVMFFIObjectDecRef(session->fold);
  vmprof_recorder_release(session->root);
  munmap(session->calls, CALLS_SIZE);
  free(session);
}

static void free_those_left(void) {
  vmprof_session *session = atomic_exchange(&left, NULL);
  while (session != NULL) {
    vmprof_session *next = session->left_earlier;
    free_session(session);
    session = next;
  }
}

vmprof_session *vmprof_session_new(int turns, void *join, void *fold) {
  static atomic_int_fast64_t sessions;
  pthread_once(&prepared, prepare);
  free_those_left();
  vmprof_session *session = calloc(1, sizeof *session);
  vmprof_recorder *root = vmprof_recorder_new(1, 0);
  /* Address space: a page becomes memory when a function of it is called. */
  void *calls = mmap(NULL, CALLS_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (session == NULL || root == NULL || calls == MAP_FAILED) {
    free(session);
    if (root != NULL) vmprof_recorder_release(root);
    if (calls != MAP_FAILED) munmap(calls, CALLS_SIZE);
    return NULL;
  }
  session->calls = calls;
  atomic_init(&session->references, 1);
  session->number = atomic_fetch_add(&sessions, 1) + 1;
  session->num_turns = turns;
  session->root = root;
  session->join = join;
  session->fold = fold;
  TVMFFIObjectIncRef(join);
  TVMFFIObjectIncRef(fold);
  atomic_store(&session->open, 1);
  atomic_store(&newest, session);
  return session;
}

void vmprof_session_close(vmprof_session *session) { atomic_store(&session->open, 0); }
void vmprof_session_interrupt(vmprof_session *session) {
  atomic_store(&session->interrupted, 1);
}
int vmprof_session_is_open(const vmprof_session *session) { return atomic_load(&session->open); }
vmprof_recorder *vmprof_session_root(vmprof_session *session) { return session->root; }

void vmprof_session_release(vmprof_session *session) {
  if (session == NULL) return;
  if (atomic_fetch_sub(&session->references, 1) == 1) free_session(session);
}

/* ---- callers ------------------------------------------------------------------------------ */

vmprof_caller *vmprof_caller_new(vmprof_session *session, int64_t max_invocations) {
  vmprof_caller *caller =
      calloc(1, sizeof *caller + (size_t)session->num_turns * sizeof(vmprof_recorder *));
  if (caller == NULL) return NULL;
  caller->invocations = calloc((size_t)max_invocations, sizeof *caller->invocations);
  if (caller->invocations == NULL) {
    free(caller);
    return NULL;
  }
  atomic_fetch_add(&session->references, 1);
  caller->session = session;
  caller->thread = vmprof_thread_number();
  caller->max_invocations = max_invocations;
  atomic_init(&caller->references, 2);
  vmprof_caller *before = pthread_getspecific(callers);
  pthread_setspecific(callers, caller);
  if (before != NULL) vmprof_caller_release(before);
  return caller;
}

int vmprof_caller_turn(vmprof_caller *caller, int mode, vmprof_source *const *sources,
                       int num_sources, vmprof_team *team, int64_t max_records) {
  int64_t words = 0;
  for (int i = 0; i < num_sources; ++i) {
    words += (int64_t)(vmprof_sample_size(sources[i]->values) / sizeof(uint64_t));
  }
  vmprof_recorder *recorder = vmprof_recorder_new(max_records, words);
  if (recorder == NULL) return -ENOMEM;
  recorder->root = caller->session->root;
  vmprof_recorder_hold(recorder->root);
  recorder->drops = 1;
  caller->recorders[caller->num_turns++] = recorder;
  recorder->shapes = caller->recorders[0];
  const int code = vmprof_recorder_configure(recorder, mode, sources, num_sources, team);
  if (code != 0) return code;
  vmprof_recorder_clear(recorder);
  vmprof_recorder_touch(recorder,
                        max_records < TOUCHED_AT_FIRST ? max_records : TOUCHED_AT_FIRST);
  return 0;
}

vmprof_recorder *vmprof_caller_recorder(const vmprof_caller *caller, int turn) {
  return caller->recorders[turn];
}
int64_t vmprof_caller_thread(const vmprof_caller *caller) { return caller->thread; }
const vmprof_invocation *vmprof_caller_invocations(const vmprof_caller *caller) {
  return caller->invocations;
}
int64_t vmprof_caller_count(const vmprof_caller *caller) { return atomic_load(&caller->count); }
int vmprof_caller_is_busy(const vmprof_caller *caller) { return atomic_load(&caller->busy); }
int vmprof_caller_is_gone(const vmprof_caller *caller) { return atomic_load(&caller->gone); }

void vmprof_caller_clear(vmprof_caller *caller) {
  for (int i = 0; i < caller->num_turns; ++i) vmprof_recorder_clear(caller->recorders[i]);
  atomic_store(&caller->count, 0);
}

void vmprof_caller_release(vmprof_caller *caller) {
  if (caller == NULL) return;
  if (atomic_fetch_sub(&caller->references, 1) > 1) return;
  for (int i = 0; i < caller->num_turns; ++i) vmprof_recorder_release(caller->recorders[i]);
  vmprof_session_release(caller->session);
  free(caller->invocations);
  free(caller);
}

int vmprof_label(int label) {
  const int before = here.label;
  here.label = label;
  return before;
}

/* ---- before an invocation ------------------------------------------------------------------- */

/* Asks Python for something. If that raises, the session is over: `result` is nothing. An
 * interrupt that came just then is the user's, and comes again when we are back. */
static void ask(vmprof_session *session, TVMFFIObjectHandle function, TVMFFIAny *args,
                int32_t num_args, TVMFFIAny *result) {
  *result = (TVMFFIAny){.type_index = kTVMFFINone};
  if (TVMFFIFunctionCall(function, args, num_args, result) == 0) return;
  TVMFFIObjectHandle error = NULL;
  TVMFFIErrorMoveFromRaised(&error);
  if (error != NULL) TVMFFIObjectDecRef(error);
  if (atomic_exchange(&session->interrupted, 0)) raise(SIGINT);
  vmprof_session_close(session);
  *result = (TVMFFIAny){.type_index = kTVMFFINone};
}

static int is_half_full(const vmprof_caller *caller) {
  int half = 2 * atomic_load_explicit(&caller->count, memory_order_relaxed) >=
             caller->max_invocations;
  for (int i = 0; i < caller->num_turns; ++i) {
    const vmprof_recorder *recorder = caller->recorders[i];
    half |= 2 * atomic_load_explicit(&recorder->records_used, memory_order_relaxed) >=
            recorder->records_max;
    half |= 2 * recorder->storage_events_used > recorder->storage_events_max;
    half |= recorder->team != NULL && vmprof_team_is_half_full(recorder->team);
  }
  const vmprof_recorder *shapes = caller->recorders[0];
  half |= 2 * shapes->signatures_used >= shapes->signatures_max;
  return half;
}

/* The calling thread, ready to record an invocation; NULL if the session is over. */
static vmprof_caller *ready(vmprof_session *session) {
  TVMFFIAny result;
  if (here.session != session->number) {
    ask(session, session->join, NULL, 0, &result);
    if (result.type_index != kTVMFFIInt) return NULL;
    here.caller = (vmprof_caller *)(intptr_t)result.v_int64;
    here.session = session->number;
  } else if (is_half_full(here.caller)) {
    TVMFFIAny address = {.type_index = kTVMFFIInt, .v_int64 = (int64_t)(intptr_t)here.caller};
    ask(session, session->fold, &address, 1, &result);
    if (is_half_full(here.caller)) return NULL;
  }
  /* In this order: whoever closes the session asks afterwards who is still busy. */
  atomic_store(&here.caller->busy, 1);
  if (atomic_load(&session->open)) return here.caller;
  atomic_store(&here.caller->busy, 0);
  return NULL;
}

/* ---- an invocation ----------------------------------------------------------------------------- */

static int run(TVMFFIObjectHandle function, const TVMFFIAny *args, int32_t num_args,
               TVMFFIAny *result) {
  return TVMFFIFunctionCall(function, (TVMFFIAny *)args, num_args, result);
}

static int run_unrecorded(vmprof_entry_state *entry, vmprof_invocation *invocation,
                          const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  invocation->begin_ns = vmprof_clock_ns();
  const int code = run(entry->plain, args, num_args, result);
  invocation->end_ns = vmprof_clock_ns();
  return code;
}

static int run_recorded(vmprof_entry_state *entry, vmprof_invocation *invocation,
                        vmprof_recorder *recorder, const TVMFFIAny *args, int32_t num_args,
                        TVMFFIAny *result) {
  const int64_t lost = recorder->lost;
  invocation->first = atomic_load_explicit(&recorder->records_used, memory_order_relaxed);
  vmprof_run_begin(recorder); /* has room: see ready() */
  const int code = run(entry->recorded, args, num_args, result);
  if (!vmprof_run_end(recorder, code != 0)) return code; /* in the child of a fork */
  const vmprof_record *whole = vmprof_record_at(recorder, invocation->first);
  invocation->begin_ns = whole->begin_ns;
  invocation->end_ns = whole->end_ns;
  const int64_t used = atomic_load(&recorder->records_used);
  const int64_t kept = used < recorder->records_max ? used : recorder->records_max;
  invocation->records = kept - invocation->first;
  invocation->dropped = used - kept + recorder->lost - lost;
  if (recorder->num_sources > 0) {
    int64_t problem[3];
    invocation->uncounted = vmprof_team_problem(recorder->team, problem);
  }
  return code;
}

static int invoke(vmprof_entry_state *entry, vmprof_caller *caller, const TVMFFIAny *args,
                  int32_t num_args, TVMFFIAny *result) {
  const int label = here.label;
  atomic_int_fast64_t *calls =
      &entry->session->calls[(size_t)entry->function * VMPROF_MAX_LABELS];
  const int64_t number =
      atomic_fetch_add_explicit(&calls[label], 1, memory_order_relaxed);
  const int64_t cycle = caller->num_turns + 1;
  const int turn = (int)((number + number / cycle) % cycle);
  vmprof_recorder *recorder = turn < caller->num_turns ? caller->recorders[turn] : NULL;
  if (recorder != NULL) {
    const int64_t used = atomic_load_explicit(&recorder->records_used, memory_order_relaxed);
    const int64_t soon = used + 2 * caller->largest;
    if (soon > recorder->touched) vmprof_recorder_touch(recorder, 2 * soon);
  }
  vmprof_invocation *invocation = &caller->invocations[atomic_load_explicit(&caller->count, memory_order_relaxed)];
  *invocation = (vmprof_invocation){
      .function = entry->function,
      .label = label,
      .turn = recorder != NULL ? turn : VMPROF_NO_TURN,
      .number = number,
  };
  atomic_store_explicit(&entry->ran_recorded, recorder != NULL, memory_order_relaxed);
  here.inside = 1;
  const int code =
      recorder != NULL ? run_recorded(entry, invocation, recorder, args, num_args, result)
                       : run_unrecorded(entry, invocation, args, num_args, result);
  here.inside = 0;
  invocation->failed = code != 0;
  if (invocation->records + invocation->dropped > caller->largest) {
    caller->largest = invocation->records + invocation->dropped;
  }
  atomic_fetch_add(&caller->count, 1);
  atomic_store(&caller->busy, 0);
  return code;
}

/* Inside an invocation of this thread: a call of that one, if that one is recorded. */
static int invoke_inside(vmprof_entry_state *entry, const TVMFFIAny *args, int32_t num_args,
                         TVMFFIAny *result) {
  vmprof_recorder *recorder = vmprof_recording(entry->session->root);
  atomic_store_explicit(&entry->ran_recorded, recorder != NULL, memory_order_relaxed);
  if (recorder == NULL) return run(entry->plain, args, num_args, result);
  vmprof_record *record = vmprof_call_new(recorder, &entry->site, args, num_args);
  if (record == NULL) return run(entry->recorded, args, num_args, result);
  const int64_t number = vmprof_here.open;
  vmprof_call_open(recorder, record);
  const int code = run(entry->recorded, args, num_args, result);
  /* What was open inside raised. */
  for (vmprof_record *each = vmprof_call_innermost(recorder);
       each != NULL && vmprof_here.open > number; each = vmprof_call_innermost(recorder)) {
    vmprof_call_close(recorder, each, /*failed=*/1);
  }
  vmprof_call_close(recorder, record, code != 0);
  return code;
}

static int invoked(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  vmprof_entry_state *entry = self;
  vmprof_session *session = entry->session;
  if (atomic_load_explicit(&session->open, memory_order_relaxed)) {
    if (here.inside) return invoke_inside(entry, args, num_args, result);
    vmprof_caller *caller = ready(session);
    if (caller != NULL) return invoke(entry, caller, args, num_args, result);
  }
  atomic_store_explicit(&entry->ran_recorded, 0, memory_order_relaxed);
  return run(entry->plain, args, num_args, result);
}

/* ---- entries --------------------------------------------------------------------------------------- */

static void delete_entry(void *self) {
  vmprof_entry_state *entry = self;
  TVMFFIObjectDecRef(entry->plain);
  TVMFFIObjectDecRef(entry->recorded);
  vmprof_session_release(entry->session);
  free(entry);
}

vmprof_entry_state *vmprof_entry_new(vmprof_session *session, int32_t function, int32_t site,
                                     void *plain, void *recorded) {
  vmprof_entry_state *entry = calloc(1, sizeof *entry);
  if (entry == NULL) return NULL;
  atomic_fetch_add(&session->references, 1);
  entry->session = session;
  entry->site.id = site;
  entry->function = function;
  entry->plain = plain;
  entry->recorded = recorded;
  TVMFFIObjectIncRef(plain);
  TVMFFIObjectIncRef(recorded);
  return entry;
}

int vmprof_entry_ran_recorded(const vmprof_entry_state *entry) {
  return atomic_load(&entry->ran_recorded);
}

int vmprof_entry(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  (void)self;
  if (num_args != 1 || args[0].type_index != kTVMFFIInt) {
    TVMFFIErrorSetRaisedFromCStr("TypeError", "vmprof.entry takes what vmprof_entry_new gave");
    return -1;
  }
  vmprof_entry_state *entry = (vmprof_entry_state *)(intptr_t)args[0].v_int64;
  return vmprof_give_function(entry, invoked, delete_entry, result);
}
