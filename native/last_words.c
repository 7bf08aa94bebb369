/* Last words: in which call a process was when something that the model calls ended it.
 *
 * A handler of the signals that a crash gives looks at the records that there are anyway, and
 * tells the process that waits, through a pipe; then the signal does what it would have done. A
 * run costs nothing more than without it. */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
/* A stack that has overflown has no room for a handler. */
static char stack[1 << 16];

static int told = -1;           /* the pipe */
static pid_t process;           /* a child of fork() has nothing to say */
static const vmprof_work *runs; /* of the thread that runs models */
static atomic_flag said = ATOMIC_FLAG_INIT;

static uint64_t address_of(const siginfo_t *info, const void *context) {
  if (info->si_code <= 0) return 0; /* somebody sent it: where we were says nothing */
  const ucontext_t *at = context;
#if defined(__x86_64__)
  return (uint64_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return at->uc_mcontext.pc;
#else
  (void)at;
  return 0;
#endif
}

/* The call that `work` is in: of a task, the one that launched it. */
static void find_call(const vmprof_work *work, vmprof_words *words) {
  const vmprof_recorder *recorder = work->recorder;
  if (recorder == NULL) return;
  words->site = VMPROF_RUN_SITE;
  int64_t number = work->open;
  while (number >= 0 && number < recorder->records_max) {
    const vmprof_record *record = vmprof_record_at(recorder, number);
    if (record->site >= 0) break;
    number = record->parent;
  }
  if (number < 0 || number >= recorder->records_max) return;
  words->site = vmprof_record_at(recorder, number)->site;
  for (int64_t each = 0; each <= number; ++each) {
    words->call += vmprof_record_at(recorder, each)->site >= 0;
  }
}

static void say(int number, uint64_t address) {
  if (getpid() != process || atomic_flag_test_and_set(&said)) return;
  vmprof_words words = {.signal = number, .site = VMPROF_NO_SITE, .address = address};
  /* A worker that does no task that is recorded: then the thread that runs waits for it. */
  find_call(vmprof_here.recorder != NULL ? &vmprof_here : runs, &words);
  /* If nobody listens, there is nothing that could be done. */
  if (write(told, &words, sizeof words) < 0) return;
}

static void on_signal(int number, siginfo_t *info, void *context) {
  const int before = errno;
  say(number, address_of(info, context));
  errno = before;
  raise(number); /* pending until this returns; nothing handles it any more (SA_RESETHAND) */
}

/* exit() in a call: at the end of a process no run is open. */
static void on_exit_in_a_run(void) {
  if (runs->recorder != NULL) say(0, 0);
}

int vmprof_last_words(int descriptor) {
  told = descriptor;
  process = getpid();
  runs = &vmprof_here;
  const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
  if (sigaltstack(&own, NULL) != 0) return -errno;
  struct sigaction handler;
  memset(&handler, 0, sizeof handler);
  handler.sa_sigaction = on_signal;
  handler.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; ++i) {
    if (sigaction(deadly[i], &handler, NULL) != 0) return -errno;
  }
  return atexit(on_exit_in_a_run) == 0 ? 0 : -ENOMEM;
}
