/* What Python sees of the native half. cffi parses this file as it stands
 * (native/build_ffi.py), and every C file includes it through vmprof.h, so
 * there is one declaration of everything and nothing to drift.
 * Plain declarations only: cffi knows no #include and no #if. */

/* What a recorder reads around each kernel. */
#define VMPROF_OFF 0
#define VMPROF_TIME 1
#define VMPROF_COUNT 2

/* The site of the record that covers a whole run. */
#define VMPROF_RUN_SITE -1

/* ---- events.c: system calls ---------------------------------------------- */

/* Every system call of the shim goes through this table, so that tests can
 * play any kernel. Each function returns what the call returned, or -errno. */
typedef struct {
  int64_t (*perf_event_open)(void *attr, int pid, int cpu, int group_fd, uint64_t flags);
  int64_t (*read)(int fd, void *buffer, uint64_t size);
  int64_t (*ioctl)(int fd, uint64_t request, uint64_t argument);
  int64_t (*close)(int fd);
} vmprof_syscall_table;

extern vmprof_syscall_table vmprof_syscalls;
void vmprof_syscalls_reset(void);

/* Opens one event of the calling thread on any CPU, in the group of
 * `group_fd` (-1: as the leader of a new one, disabled until
 * vmprof_group_enable). Returns a descriptor or -errno. */
int vmprof_event_open(uint32_t type, uint64_t config, int exclude_kernel, int group_fd);
int vmprof_event_close(int fd);
int vmprof_group_enable(int leader_fd);
int vmprof_group_disable(int leader_fd);

/* ---- read.c: one reading of clock or group --------------------------------- */

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t vmprof_clock_ns(void);

/* One read() of a whole group, as the kernel lays it out. `count` is 0 when
 * the read failed or came back short: then nothing else of it is valid. */
typedef struct {
  uint64_t count;
  uint64_t enabled_ns;
  uint64_t running_ns;
  uint64_t values[];
} vmprof_sample;

void vmprof_group_read(int leader_fd, int events, vmprof_sample *sample);

/* ---- recorder.c: sites and records ----------------------------------------- */

typedef struct vmprof_recorder vmprof_recorder;

/* The head of a record. When the recorder counts, two vmprof_samples of
 * `events` values follow: the group before the kernel and after it. */
typedef struct {
  int32_t site;
  int32_t failed;    /* 1 while the call is open, and if it raised */
  int64_t signature; /* index of the arguments' shapes in vmprof_signatures() */
  int64_t parent;    /* number of the record inside whose window this one lies, or -1 */
  int64_t begin_ns;
  int64_t end_ns;
} vmprof_record;

/* A recorder for at most `max_records` records of one run, with `events`
 * counters each. NULL with errno set when memory cannot be reserved. */
vmprof_recorder *vmprof_recorder_new(int64_t max_records, int events);
/* Gives up Python's reference; sites that still live keep the memory. */
void vmprof_recorder_release(vmprof_recorder *recorder);

/* Forgets all records and readies `expected` of them: pages are touched here,
 * so that no window pays for a page fault. */
void vmprof_recorder_clear(vmprof_recorder *recorder, int64_t expected);
/* Sets what is read from now on; `leader_fd` matters to VMPROF_COUNT only. */
void vmprof_recorder_set_mode(vmprof_recorder *recorder, int mode, int leader_fd);
/* Opens and closes the record of a whole run. */
int vmprof_run_begin(vmprof_recorder *recorder);
void vmprof_run_end(vmprof_recorder *recorder);

int64_t vmprof_recorder_count(const vmprof_recorder *recorder);
uint64_t vmprof_recorder_stride(const vmprof_recorder *recorder);
const char *vmprof_records(const vmprof_recorder *recorder);

/* Signatures: int64 words, one after the other. At a record's index stand the
 * number of tensors, then for each tensor its dtype (code | bits << 8 |
 * lanes << 16), its number of dimensions and its dimensions. */
const int64_t *vmprof_signatures(const vmprof_recorder *recorder);
int64_t vmprof_signatures_size(const vmprof_recorder *recorder);

/* Registers the packed functions "vmprof.wrap" (recorder, site, kernel) ->
 * wrapped kernel, and "vmprof.empty", which does nothing. 0 on success. */
int vmprof_register_functions(void);
