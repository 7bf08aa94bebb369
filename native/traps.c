/* Traps that a hypervisor made of breakpoints.
 *
 * A breakpoint's exception tells its cause in a register. Under some hypervisors (seen
 * with KVM) the exception now and then arrives without it; Linux then takes it for one
 * that a debugger wants to know of, and kills the process by SIGTRAP. Of an instruction
 * that was to be executed nothing is lost: it is tried again, and counted. An access to
 * memory has happened, and is not counted. */
#define _GNU_SOURCE
#include "vmprof.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int guards;
static struct sigaction before;
static atomic_int_fast64_t survived;

static void on_trap(int number, siginfo_t *info, void *context) {
  if (info->si_code == TRAP_BRKPT) {
    atomic_fetch_add(&survived, 1);
  } else if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler == SIG_DFL) {
    /* As if nobody had been here: it is pending again when this returns. */
    signal(number, SIG_DFL);
    raise(number);
  } else if (before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  }
}

int64_t vmprof_traps_survived(void) { return atomic_load(&survived); }

void vmprof_traps_guard(void) {
  pthread_mutex_lock(&lock);
  if (guards++ == 0) {
    struct sigaction guard;
    memset(&guard, 0, sizeof guard);
    guard.sa_sigaction = on_trap;
    guard.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(SIGTRAP, &guard, &before);
  }
  pthread_mutex_unlock(&lock);
}

void vmprof_traps_release(void) {
  pthread_mutex_lock(&lock);
  if (--guards == 0) sigaction(SIGTRAP, &before, NULL);
  pthread_mutex_unlock(&lock);
}
