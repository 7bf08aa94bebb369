/* The recorder from inside: what calls, launches and tasks share. */
#ifndef VMPROF_RECORDER_H_
#define VMPROF_RECORDER_H_

#include "vmprof.h"

/* What a thread does for a recorder. */
typedef struct {
  vmprof_recorder *recorder;       /* whose run it works in, or NULL */
  vmprof_source *const *sources;   /* the recorder's, counting this thread */
  int64_t open;                    /* number of the innermost record whose window is open */
  int runs;                        /* it is the one that started the run: its calls are recorded */
} vmprof_work;

/* The calling thread's. This module is small enough for the room that the loader keeps
 * for such variables of late libraries: they cost one instruction, not a call. */
extern _Thread_local vmprof_work vmprof_here __attribute__((tls_model("initial-exec")));

struct vmprof_recorder {
  atomic_int references; /* Python's one, and one per living site */
  int mode;
  vmprof_source **sources;
  int num_sources;
  vmprof_team *team;
  int launcher_only_waits; /* the thread that launches does no task itself */
  uint64_t samples_size; /* of all sources, once */
  uint64_t stride;
  char *records;
  int64_t records_max;
  uint64_t records_size; /* bytes reserved */
  /* Whose signatures its records have: its own, or those that all turns of a thread share, so
   * that a site whose calls are in different turns writes one. */
  vmprof_recorder *shapes;
  int64_t *signatures;
  int64_t signatures_used; /* in words, as are the next two */
  int64_t signatures_max;
  int64_t signatures_most; /* that any run used */
  int64_t generation; /* counts starts: older signatures are gone */
  vmprof_work outside; /* what the thread did before its run began */
  /* Of a thread's recorder in a session, the one that all its sites know; else itself. */
  vmprof_recorder *root;
  int drops;       /* a full buffer loses calls, and fails none */
  int64_t lost;    /* calls without room for their shapes */
  int64_t touched; /* records whose pages are memory already */
  vmprof_storage_event *storage_events; /* NULL if it never followed storages */
  int64_t storage_events_used;
  int64_t storage_events_max;
  int64_t storages_missed; /* of unknown size or life, ever */
  /* How many records were asked for: a full buffer gives none, and they go on counting.
   * In a cache line of its own, as all threads write it and read what stands above. */
  char above[64];
  atomic_int_fast64_t records_used;
  char below[64];
};

/* The next record, or NULL if there is no room. Its number is vmprof_record_number(). */
vmprof_record *vmprof_new_record(vmprof_recorder *recorder, int32_t site, int64_t signature,
                                 int64_t parent);
vmprof_record *vmprof_record_at(const vmprof_recorder *recorder, int64_t number);
int64_t vmprof_record_number(const vmprof_recorder *recorder, const vmprof_record *record);
int vmprof_recorder_is_full(const vmprof_recorder *recorder);
/* Sets the error of a full buffer; -1. */
int vmprof_raise_full(void);

/* What is to be read from now on. 0 or -errno. */
int vmprof_recorder_configure(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                              int num_sources, vmprof_team *team);
/* Forgets all records. */
void vmprof_recorder_clear(vmprof_recorder *recorder);
/* Makes memory of the pages of the first `records` records. */
void vmprof_recorder_touch(vmprof_recorder *recorder, int64_t records);

/* Readings at both ends, from the calling thread's `sources`; of a whole run, with times. */
void vmprof_open_window(const vmprof_recorder *recorder, vmprof_source *const *sources,
                        vmprof_record *record, int whole_run);
void vmprof_close_window(const vmprof_recorder *recorder, vmprof_source *const *sources,
                         vmprof_record *record, int whole_run);

/* The thread that launches does the first task itself and then waits for the others. Its own
 * task lies in the window of the call already, so counters need not be read around it: they
 * are read once when that task ends, where the waiting begins, and once when the launch ends.
 * The clock is read around the whole launch and around the task. If the launching thread does
 * no task, the first of those readings is missing, and the run has no counts. */
void vmprof_open_launch(const vmprof_recorder *recorder, vmprof_source *const *sources,
                        vmprof_record *launch);
void vmprof_open_own_task(const vmprof_recorder *recorder, vmprof_record *task);
void vmprof_close_own_task(const vmprof_recorder *recorder, vmprof_source *const *sources,
                           vmprof_record *task, vmprof_record *launch);

/* The index of TVM's type vm.Storage. */
extern int32_t vmprof_storage_type;
void vmprof_find_storage_type(void);
/* A call with `args` has returned the storage `result`. */
void vmprof_storage_made(vmprof_recorder *recorder, const TVMFFIAny *args, int32_t num_args,
                         const TVMFFIAny *result);
/* After the window of a call that returned `result`. */
static inline void vmprof_returned(vmprof_recorder *recorder, const TVMFFIAny *args,
                                   int32_t num_args, const TVMFFIAny *result) {
  if (recorder->mode & VMPROF_STORAGES && result->type_index == vmprof_storage_type) {
    vmprof_storage_made(recorder, args, num_args, result);
  }
}

/* The calling thread's own sources of `team`, ready to be read; opened if it has none.
 * One that did not open is NULL. */
vmprof_source *const *vmprof_team_sources(vmprof_team *team);
/* CPU time of all members since they were started. */
uint64_t vmprof_team_cpu_ns(const vmprof_team *team);
/* What a clock of clock_gettime(2) reads; 0 once its thread is gone. */
uint64_t vmprof_cpu_ns(int clock);

#endif /* VMPROF_RECORDER_H_ */
