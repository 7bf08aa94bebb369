/* What Python sees of the native half. cffi parses this file as it stands
 * (native/build_ffi.py), and every C file includes it through vmprof.h, so
 * there is one declaration of everything and nothing to drift.
 * What closes, releases or gives up something takes NULL too, and does nothing.
 * Plain declarations only: cffi knows no #include and no #if. */

/* What a recorder reads around each kernel. */
#define VMPROF_TIME 1
#define VMPROF_COUNT 2
/* Also around each parallel launch of a kernel and each task of it. */
#define VMPROF_TASKS 4
/* Also which storages live (storages.c). */
#define VMPROF_STORAGES 8

/* The sites of records that are not of calls: the whole run, a parallel launch as
 * the thread that launches sees it, a task as the thread that does it, and bytecode
 * that runs inside a call, as a closure does that a builtin invokes. */
#define VMPROF_RUN_SITE -1
#define VMPROF_LAUNCH_SITE -2
#define VMPROF_TASK_SITE -3
#define VMPROF_ACTIVATION_SITE -4

/* 64-bit words of the longest samples that a record holds, of all sources together. */
#define VMPROF_MAX_SAMPLE_WORDS 4096

/* ---- syscalls.c: the kernel and the processor -------------------------------- */

/* Every system call of the shim goes through this table, so that tests can
 * play any kernel. Each function returns what the call returned, or -errno.
 * `rdpmc` is the processor's own: the counter that a perf_event_mmap_page
 * calls `index`. */
typedef struct {
  int64_t (*perf_event_open)(void *attr, int pid, int cpu, int group_fd, uint64_t flags);
  int64_t (*read)(int fd, void *buffer, uint64_t size);
  int64_t (*ioctl)(int fd, uint64_t request, uint64_t argument);
  int64_t (*close)(int fd);
  int64_t (*mmap)(int fd, uint64_t size, int writable);
  int64_t (*munmap)(void *address, uint64_t size);
  uint64_t (*rdpmc)(uint32_t index);
} vmprof_syscall_table;

extern vmprof_syscall_table vmprof_syscalls;
void vmprof_syscalls_reset(void);

/* ---- source.c: whatever can be read at both ends of a window ------------------- */

/* One reading. `count` is the number of values, 0 when the reading failed: then
 * nothing else of it is valid. The times are those of the kernel since the
 * source was opened; 0 where the way of reading does not tell them. */
typedef struct {
  uint64_t count;
  uint64_t enabled_ns;
  uint64_t running_ns;
  uint64_t values[];
} vmprof_sample;

typedef struct vmprof_source vmprof_source;

int vmprof_source_values(const vmprof_source *source);
/* A reading that tells the times, by system call where it takes one. */
void vmprof_source_read(vmprof_source *source, vmprof_sample *sample);
/* A reading as windows have it: the cheapest way that is valid now. */
void vmprof_source_sample(vmprof_source *source, vmprof_sample *sample);
/* Counting begins and ends; 0 or -errno. The thread that is counted enables it. -EIO at
 * the end: something that should have been counted was not. */
int vmprof_source_enable(vmprof_source *source);
int vmprof_source_disable(vmprof_source *source);
void vmprof_source_close(vmprof_source *source);
/* The same for the calling thread, disabled. NULL with the number of the event that could
 * not be opened and -errno, or -ENOSYS if `source` can only be one thread's. */
vmprof_source *vmprof_source_clone(const vmprof_source *source, int64_t problem[2]);

/* ---- fork.c ----------------------------------------------------------------------------- */

/* The process is about to end: sources and teams stay as they are from now on, since other
 * threads may still be in them. */
void vmprof_end(void);

/* ---- last_words.c ------------------------------------------------------------------------ */

/* What a process was doing when a signal ended it, or exit(). */
#define VMPROF_NO_SITE -5
typedef struct {
  int32_t signal;   /* 0: it left by itself */
  int32_t site;     /* of the call; VMPROF_RUN_SITE: between calls; VMPROF_NO_SITE: no recorded run */
  int64_t call;     /* which one of the run's, from 1 */
  uint64_t address; /* of the instruction that failed, 0 if none did */
} vmprof_words;

/* From now on writes them to `descriptor` then, once. For the calling thread, which runs models,
 * and the threads that work for it. 0 or -errno. */
int vmprof_last_words(int descriptor);

/* ---- group.c: perf events that are counted together ----------------------------- */

/* What perf_event_open is asked for: the fields of perf_event_attr of these
 * names, and where to count (pid 0, cpu -1: the calling thread, anywhere). */
typedef struct {
  uint32_t type;
  uint64_t config;
  uint64_t config1;
  uint64_t config2;
  uint64_t config3;
  uint32_t bp_type;
  int exclude_user;
  int exclude_kernel;
  int exclude_hv;
  int exclude_guest;
  int exclude_host;
  int inherit; /* also what the counted threads start from now on */
  int pid;
  int cpu;
} vmprof_event;

/* Opens `events` as one group, disabled. Breakpoints, of which a processor has a few,
 * hold theirs while they are open: a group of them that does not `inherit` is closed
 * again, and open only while it is enabled. `pinned`: the group counts all the
 * time or fails, it is never multiplexed. `user_reads`: map the events' pages,
 * so that windows read without a system call where the page allows it.
 * NULL when an event is refused: `problem` is then its number and -errno. */
vmprof_source *vmprof_group_open(const vmprof_event *events, int count, int pinned,
                                 int user_reads, int64_t problem[2]);
/* Whether a reading would now take place in user space for every event. */
int vmprof_group_reads_in_user_space(const vmprof_source *group);

/* ---- sampler.c: where a thread is, at a rate ----------------------------------------- */

typedef struct {
  vmprof_event event;
  uint64_t rate;      /* samples per second that the thread runs */
  int precise;        /* precise_ip of perf_event_attr, 0 to 3 */
  uint64_t ring_size; /* bytes, a power of two from a few pages up; less if that is forbidden */
} vmprof_sampling;

/* What a thread was doing when it was interrupted. */
typedef struct {
  uint64_t address; /* of the instruction */
  int64_t time_ns;  /* as windows have it */
  uint64_t period;  /* of the event's counts, for how many it stands */
  int64_t thread;   /* its number in this process, as in records */
  int32_t cpu;
  int32_t mode;     /* PERF_RECORD_MISC_...: 1 in the kernel, 2 in user space */
} vmprof_hit;

typedef struct {
  int64_t lost;      /* hits without room */
  int64_t throttled; /* how often the kernel paused, as they came too fast */
} vmprof_missed;

/* A source without values: switched on, it finds hits, which are kept when it is switched off.
 * Disabled, for the calling thread. NULL when it is refused: `problem` is then 0, or 1 if it is
 * the room for its ring, and -errno. */
vmprof_source *vmprof_sampler_open(const vmprof_sampling *asked, int64_t problem[2]);

/* ---- team.c: the counters of the threads that take part ---------------------------- */

/* The sources of one pass: those of the thread that runs, and the same opened again by each
 * other thread that does a task in it. */
typedef struct vmprof_team vmprof_team;

/* `sources` are the running thread's, and outlive the team. NULL when there is no memory. */
vmprof_team *vmprof_team_new(vmprof_source *const *sources, int num_sources);
/* All of them count from now on, until they are disabled: a run. By the running thread. */
void vmprof_team_enable(vmprof_team *team);
void vmprof_team_disable(vmprof_team *team);
/* A run of the calling thread that an interrupt has left open in it ends. */
void vmprof_team_release(vmprof_team *team);

#define VMPROF_NO_PROBLEM 0
/* In the last run a source of the running thread did not count, or not all that it should. */
#define VMPROF_STAYED_OFF 1
#define VMPROF_COUNTED_LESS 2
/* Some other thread could not open its counters, ever. */
#define VMPROF_NOT_OPENED 3
/* Which of these holds; `problem` is then the first such source's number, in the last case the
 * number of the event in it, and -errno. */
int vmprof_team_problem(const vmprof_team *team, int64_t problem[3]);

/* Whether the thread that Linux knows by that number has done a task in it. */
int vmprof_team_has(const vmprof_team *team, int64_t linux_thread);

/* The hits that the samplers among its sources keep, of all threads; while none of them is on. */
int64_t vmprof_team_hits(const vmprof_team *team);
/* Moves them to `hits`, which has room for all, and adds to `missed` what was missed meanwhile. */
void vmprof_team_take_hits(vmprof_team *team, vmprof_hit *hits, vmprof_missed *missed);

/* ---- cpu.c: CPU time, in nanoseconds ------------------------------------------------ */

/* Of the thread that reads; of the thread that reads and a team's members; of the threads
 * that there are when it is enabled; of the process, which has the time of threads that
 * began or ended since then, but is behind by what running ones did since the last tick. */
#define VMPROF_CPU_OF_THREAD 0
#define VMPROF_CPU_OF_TEAM 1
#define VMPROF_CPU_OF_THREADS 2
#define VMPROF_CPU_OF_PROCESS 3

/* A source of one value. NULL when there is no memory. */
vmprof_source *vmprof_cpu_open(int whose);
/* The team of a source of VMPROF_CPU_OF_TEAM. */
void vmprof_cpu_watch(vmprof_source *source, const vmprof_team *team);

/* What it costs to read CPU time around a call, in nanoseconds: `inside` is what its
 * window shows of that, `whole` what it adds to a window around it. */
typedef struct {
  int64_t inside;
  int64_t whole;
} vmprof_reading_cost;

/* Measured on `windows` windows of time and `sources` with nothing in them. The first
 * value of each source is CPU time; they are enabled. */
vmprof_reading_cost vmprof_cpu_reading_cost(vmprof_source *const *sources, int num_sources,
                                            int windows);

/* ---- parallel.c: TVM's parallel launches ------------------------------------------- */

/* A library's own pointer to TVM's launch function, and the handle that keeps the
 * library loaded. */
typedef struct {
  void **slot;
  void *library;
} vmprof_launch_slot;

/* TVM's launch function, NULL if its runtime is not in the process. */
void *vmprof_tvm_launch(void);
/* What can take its place, once it is known: goes on to it, and keeps a record of each
 * launch and each task of a run that is recorded with VMPROF_TASKS. */
void *vmprof_recorded_launch(void);
/* The slots of all libraries in the process. Writes at most `room` of them, which hold their
 * libraries until they are released, and returns how many there are. */
int vmprof_launch_slots(vmprof_launch_slot *slots, int room);
/* Those up to the first without a library. */
void vmprof_launch_slots_release(vmprof_launch_slot *slots);
/* Puts `replacement` into a slot that holds `expected`: 1, or 0 if it holds anything else. */
int vmprof_exchange(void **slot, void *expected, void *replacement);

/* ---- collector.c: counters from a user's shared library -------------------------- */

/* Loads the collector that `path` exports (vmprof/include/vmprof_collector.h) and opens
 * it for the calling thread. NULL with `problem` filled in when that fails. */
vmprof_source *vmprof_collector_open(const char *path, char *problem, uint64_t problem_size);
const char *vmprof_collector_name(const vmprof_source *collector, int number);

/* ---- loop.c: work whose counts are known ------------------------------------------ */

/* Runs exactly two instructions per iteration, one of them a taken branch. */
void vmprof_known_loop(uint64_t iterations);
/* Makes caches, TLBs and branch predictor miss: a walk in random order over
 * `words` (filled here), with a branch at each step that nothing can foresee. */
uint64_t vmprof_stir(uint64_t *words, uint64_t count, uint64_t steps);

/* ---- cold.c: caches without the model in them ----------------------------------------- */

/* Reads `memory`, a byte of each cache line, on the calling thread and on each worker of its
 * pool, so that their caches hold nothing else. Never recorded. */
void vmprof_evict(const char *memory, uint64_t size);

/* ---- recorder.c, calls.c: sites and records --------------------------------------- */

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t vmprof_clock_ns(void);

typedef struct vmprof_recorder vmprof_recorder;

/* The head of a record. When the recorder counts, a vmprof_sample of each
 * source follows as it was before the kernel, then each as it was after. */
typedef struct {
  int32_t site;
  int32_t failed;    /* 1 while the call is open, and if it raised */
  /* Of a call, the index of its arguments' shapes in vmprof_signatures(); of a run, a
   * launch or a task, the number of the thread, in this process, that did it. Of an
   * activation it says nothing. */
  int64_t signature;
  int64_t parent;    /* number of the record inside whose window this one lies, or -1 */
  int64_t begin_ns;
  int64_t end_ns;
} vmprof_record;

/* A recorder for at most `max_records` records of one run, with samples of at
 * most `sample_words` 64-bit words. NULL with errno set when memory cannot be
 * reserved. */
vmprof_recorder *vmprof_recorder_new(int64_t max_records, int64_t sample_words);
/* Gives up Python's reference; sites that still live keep the memory. A run of the calling
 * thread that an interrupt has left open ends. */
void vmprof_recorder_give_up(vmprof_recorder *recorder);

/* Ends a run of the calling thread that is open, forgets all records and readies `expected` of
 * them: pages are touched here, so that no window pays for a page fault. In runs from now on
 * `mode` is read, from `sources` where it counts; from `team`'s, which are the same, in tasks on
 * other threads. 0, or -errno. */
int vmprof_recorder_ready(vmprof_recorder *recorder, int mode, vmprof_source *const *sources,
                          int num_sources, vmprof_team *team, int64_t expected);
/* Begins a run: the counters count, and what the calling thread calls is recorded, behind the
 * record of the run itself. Times of that one are told in any mode. 0, or -1 if there is no room. */
int vmprof_run_begin(vmprof_recorder *recorder);
/* Ends it, whatever is still open in it. By the thread that began it; 0 and nothing done if it
 * did not, if the run has ended already, or in the child of a fork; else 1. */
int vmprof_run_end(vmprof_recorder *recorder, int failed);
/* Whether the calling thread is in a run. */
int vmprof_run_is_open(void);

int64_t vmprof_recorder_count(const vmprof_recorder *recorder);
uint64_t vmprof_recorder_stride(const vmprof_recorder *recorder);
const char *vmprof_records(const vmprof_recorder *recorder);

/* Signatures: int64 words, one after the other. At a record's index stand the
 * number of tensors, then for each tensor its dtype (code | bits << 8 |
 * lanes << 16), its number of dimensions and its dimensions. */
const int64_t *vmprof_signatures(const vmprof_recorder *recorder);
int64_t vmprof_signatures_size(const vmprof_recorder *recorder);

/* ---- storages.c: the memory that a VM allocates for its tensors ---------------------- */

/* In `bytes` of an event: the storage was released. */
#define VMPROF_RELEASED -1

typedef struct {
  int64_t before;  /* how many records were begun before it */
  int64_t storage; /* its address: another one may have it later */
  int64_t bytes;   /* that were asked for, or VMPROF_RELEASED */
} vmprof_storage_event;

/* In the order in which they came; none unless the recorder's mode has VMPROF_STORAGES. */
const vmprof_storage_event *vmprof_storage_events(const vmprof_recorder *recorder);
int64_t vmprof_storage_events_count(const vmprof_recorder *recorder);
/* Storages that came of calls which are not like vm.builtin.alloc_storage, ever. */
int64_t vmprof_storages_missed(const vmprof_recorder *recorder);

/* ---- hook.c: the recorder as the instrument of TVM's own VM ------------------------ */

typedef struct vmprof_hooked vmprof_hooked;

/* What "vmprof.hook" makes an instrument of, which then owns it. Calls of the packed
 * function `names[i]` are recorded as of site `first` + i; those of others, of at most
 * `learn_max`, are numbered from behind `names` in the order in which they come up (0: they
 * are not recorded). NULL when memory is short. */
vmprof_hooked *vmprof_hook_new(vmprof_recorder *recorder, const char *const *names, int count,
                               int32_t first, int learn_max);

/* The name of the function that came up as `number`, from 0; NULL if none did. */
const char *vmprof_hook_learned(const vmprof_hooked *hooked, int number);

/* ---- code.c: straight lines of bytecode ------------------------------------------------ */

typedef struct vmprof_code vmprof_code;

/* A VM function, linked. `steps` has for each step its callee (-1: it clears its
 * destination), its destination (-1: none), and the place and number of its operands.
 * `blocks` has for each block the place and number of its steps, the register that takes a
 * value handed in (-1: none), the operand that it gives (INT32_MAX: none), and the place and
 * number of the operands of the call behind it. Operands are registers, or complements of
 * numbers of constants; a call has at most `most_operands`. Everything is copied; NULL when
 * memory is short. Constants and callees are added, and frames made, by packed functions:
 * "vmprof.code.constants" (code, value...), "vmprof.code.callees" (code, packed function...),
 * "vmprof.code.activation" (code) -> (argument...) -> frame, and, for a function of one
 * block, "vmprof.code.straight" (code) -> (argument...) -> result. */
vmprof_code *vmprof_code_new(int num_registers, const int32_t *steps, int num_steps,
                             const int32_t *blocks, int num_blocks, const int32_t *operands,
                             int num_operands, int most_operands);
void vmprof_code_release(vmprof_code *code);

/* ---- invocation.c: calls of a user's program into its VMs ---------------------------- */

/* How many labels invocations can be told apart by, 0 for none included. */
#define VMPROF_MAX_LABELS 64
/* How many functions a session can have. */
#define VMPROF_MAX_FUNCTIONS 65536
/* The turn of an invocation that is not recorded. */
#define VMPROF_NO_TURN -1

/* A call from outside of a function of some VM: what Python finds of it. */
typedef struct {
  int32_t function;
  int32_t label;
  int32_t turn;      /* what was read in it: see vmprof_caller_turn; or VMPROF_NO_TURN */
  int32_t failed;    /* it raised */
  int64_t number;    /* of those of this function and label, from 0 */
  int64_t first;     /* its first record in its turn's recorder, of VMPROF_RUN_SITE */
  int64_t records;   /* how many it has there */
  int64_t dropped;   /* records that found no room */
  int64_t uncounted; /* why its counts are none: VMPROF_STAYED_OFF, ... */
  int64_t begin_ns;
  int64_t end_ns;
} vmprof_invocation;

typedef struct vmprof_session vmprof_session;
/* A thread of the user's program, in a session. */
typedef struct vmprof_caller vmprof_caller;
/* A function of a VM, called from outside. */
typedef struct vmprof_entry_state vmprof_entry_state;

/* Opens a session. The invocations of a function take turns: turns 0 to `turns` - 1, then
 * one that is not recorded. `join`, a packed function, is called by each thread that calls
 * for the first time, with nothing, and makes that thread's vmprof_caller; `fold` by a
 * thread whose buffers are half full, with its caller's address, and clears it. Should one
 * of them raise, the session is closed: nothing of the user's fails.
 * NULL when there is no memory. */
vmprof_session *vmprof_session_new(int turns, void *join, void *fold);
/* Records nothing from now on. */
void vmprof_session_close(vmprof_session *session);
/* By `join` or `fold`, before it raises: SIGINT came while it ran, and shall come again when
 * the program is back. */
void vmprof_session_interrupt(vmprof_session *session);
/* Whether it records: not after it was closed, nor in a child that was forked since. */
int vmprof_session_is_open(const vmprof_session *session);
/* Gives up Python's reference. */
void vmprof_session_release(vmprof_session *session);
/* What the session's sites are to be made with. */
vmprof_recorder *vmprof_session_root(vmprof_session *session);

/* The calling thread's, with room for so many invocations. NULL when there is no memory. */
vmprof_caller *vmprof_caller_new(vmprof_session *session, int64_t max_invocations);
/* What is read in its next turn, of which there are as many as the session's: as in
 * vmprof_recorder_ready, with a recorder of its own for `max_records`. 0 or -errno. */
int vmprof_caller_turn(vmprof_caller *caller, int mode, vmprof_source *const *sources,
                       int num_sources, vmprof_team *team, int64_t max_records);
vmprof_recorder *vmprof_caller_recorder(const vmprof_caller *caller, int turn);
int64_t vmprof_caller_thread(const vmprof_caller *caller);
/* Invocations that are complete. */
const vmprof_invocation *vmprof_caller_invocations(const vmprof_caller *caller);
int64_t vmprof_caller_count(const vmprof_caller *caller);
/* Forgets all invocations and their records. */
void vmprof_caller_clear(vmprof_caller *caller);
/* Whether it is inside an invocation; whether its thread has ended. */
int vmprof_caller_is_busy(const vmprof_caller *caller);
int vmprof_caller_is_gone(const vmprof_caller *caller);
void vmprof_caller_release(vmprof_caller *caller);

/* The label of the calling thread's invocations from now on; returns the one before. */
int vmprof_label(int label);

/* Calls of function number `function`, which run the packed function `plain`, or
 * `recorded` when they are recorded. Inside another invocation they are calls of it, of
 * site `site`. NULL when there is no memory. */
vmprof_entry_state *vmprof_entry_new(vmprof_session *session, int32_t function, int32_t site,
                                     void *plain, void *recorded);
/* Whether the last call ran `recorded`. */
int vmprof_entry_ran_recorded(const vmprof_entry_state *entry);

/* ---- the packed functions ----------------------------------------------------------- */

/* Registers "vmprof.wrap" (recorder, site, kernel) -> wrapped kernel; with a site more,
 * calls inside a call of that one are of bytecode there: an activation. "vmprof.hook"
 * (vmprof_hooked) -> instrument, "vmprof.run" (recorder, packed function, argument...) -> what
 * that gives, called from the begin of a run to its end, "vmprof.entry" (vmprof_entry_state) -> a function that is
 * called from outside, which owns that, "vmprof.empty", which does nothing, and those of
 * code.c. 0 on success. */
int vmprof_register_functions(void);
