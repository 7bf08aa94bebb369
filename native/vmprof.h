/* The header of every C file here: the public declarations and what they need. */
#ifndef VMPROF_H_
#define VMPROF_H_

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <tvm/ffi/c_api.h>

#include "api.h"

/* What all sources begin with; each kind puts its own data behind it. */
struct vmprof_source {
  int values;
  void (*sample)(vmprof_source *source, vmprof_sample *sample);
  void (*read)(vmprof_source *source, vmprof_sample *sample);
  int (*enable)(vmprof_source *source);
  int (*disable)(vmprof_source *source);
  /* By the counted thread once it counts: which way of sampling is the cheapest. */
  void (*settle)(vmprof_source *source);
  /* The same, disabled, for the calling thread; NULL with an event's number and -errno
   * if that fails. Without this function it is a thing of the running thread alone. */
  vmprof_source *(*clone)(const vmprof_source *source, int64_t problem[2]);
  void (*close)(vmprof_source *source);
  /* In a child of fork(): lets go of what is the parent's, and touches none of it. Of sources
   * that are known (fork.c). */
  void (*orphan)(vmprof_source *source);
  vmprof_source *after; /* among the known ones */
  vmprof_source **before;
};

static inline uint64_t vmprof_sample_size(int values) {
  return sizeof(vmprof_sample) + (uint64_t)values * sizeof(uint64_t);
}

/* ---- fork.c ------------------------------------------------------------------------------ */

/* It dies in children of fork() from now on; until it is closed. */
void vmprof_source_known(vmprof_source *source);
void vmprof_source_gone(vmprof_source *source);
/* From now on. 0, or an error number. */
int vmprof_watch_forks(void);
/* Whether the process is about to end: then nothing is closed. */
int vmprof_is_ending(void);

/* ---- team.c, sampler.c ---------------------------------------------------------------- */

/* The number that this process knows the calling thread by, from 1. */
int64_t vmprof_thread_number(void);
/* Whether the room for hits of one of a team's samplers is half used. */
int vmprof_team_is_half_full(const vmprof_team *team);
int vmprof_source_is_sampler(const vmprof_source *source);
/* How many hits a sampler keeps, and whether their room is half used; 0 of other sources. */
int64_t vmprof_sampler_count(const vmprof_source *source);
int vmprof_sampler_is_half_full(const vmprof_source *source);
/* Moves them to `hits`; how many. Adds to `missed` what was missed since the last time. */
int64_t vmprof_sampler_take(vmprof_source *source, vmprof_hit *hits, vmprof_missed *missed);

/* ---- recorder.c, for whatever sees a call begin and end ---------------------------- */

/* Where calls come from. Several threads may share one, each with a recorder of its own. */
typedef struct {
  int32_t id;
  atomic_int_fast64_t signature; /* of the last call, if from this generation */
  atomic_int_fast64_t generation;
} vmprof_site;

void vmprof_recorder_hold(vmprof_recorder *recorder);
void vmprof_recorder_release(vmprof_recorder *recorder);
/* Where the calling thread's calls at a site that knows `root` are recorded, or NULL: that
 * recorder itself, or in a session the thread's own. */
vmprof_recorder *vmprof_recording(const vmprof_recorder *root);
/* The record of a call that is about to begin, from now on the innermost open one.
 * NULL when there is no room: with TVM's error set, unless the recorder drops calls then. */
vmprof_record *vmprof_call_new(vmprof_recorder *recorder, vmprof_site *site,
                               const TVMFFIAny *args, int32_t num_args);
/* The readings at both ends of its window. */
void vmprof_call_open(const vmprof_recorder *recorder, vmprof_record *record);
void vmprof_call_close(vmprof_recorder *recorder, vmprof_record *record, int failed);
/* The innermost open record of a call, NULL if there is none. */
vmprof_record *vmprof_call_innermost(const vmprof_recorder *recorder);

/* For whoever is not told where bytecode inside a call begins and ends, but of each call
 * that it makes. Before such a call: its activation in `call`, the innermost open one,
 * begins here, unless it has begun. 0, or -1 with TVM's error set. */
int vmprof_activation_begin(vmprof_recorder *recorder, const vmprof_record *call);
/* After it: the activation, if one is the innermost open record, ends here or later. */
void vmprof_activation_reached(const vmprof_recorder *recorder);

/* ---- traps.c, for what enables breakpoints ------------------------------------------ */

/* While there is a guard, traps without a cause do no harm; how many there were. */
void vmprof_traps_guard(void);
void vmprof_traps_release(void);
int64_t vmprof_traps_survived(void);

/* A packed function of TVM's registry. 0 on success. */
int vmprof_register_function(const char *name, TVMFFISafeCallType function);
/* Makes `result` a packed function that has `self`, which is deleted with it, or at once if that
 * fails. 0 or -1, with TVM's error set. */
int vmprof_give_function(void *self, TVMFFISafeCallType call, void (*delete_self)(void *),
                         TVMFFIAny *result);

/* ---- code.c ----------------------------------------------------------------------- */

int vmprof_register_code_functions(void);

/* ---- hook.c ----------------------------------------------------------------------- */

/* The packed function "vmprof.hook". */
int vmprof_hook(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

/* ---- guard.c ---------------------------------------------------------------------- */

/* The packed function "vmprof.guard". */
int vmprof_guard(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

/* ---- run.c ------------------------------------------------------------------------ */

/* Before a recorder, a team or a source goes: no run of the calling thread goes on in it. */
void vmprof_run_abandon(const void *one);

/* The packed function "vmprof.run". */
int vmprof_run(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

/* ---- invocation.c ----------------------------------------------------------------- */

/* The packed function "vmprof.entry". */
int vmprof_entry(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

#endif /* VMPROF_H_ */
