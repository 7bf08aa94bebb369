/* Perf events that are counted together: opening them, and the two ways to read them. */
#include "vmprof.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
  vmprof_source source;
  uint64_t page_size;
  int opened; /* how many of the descriptors are open */
  int open_while_enabled; /* what it counts with is scarce */
  int breakpoints;        /* how many of the events are */
  int accesses;           /* how many of these are not of executions */
  int guarded;
  int64_t survived; /* traps, before it was enabled */
  /* Per event its descriptor, and its page where user-space reads are wanted. */
  int *descriptors;
  const struct perf_event_mmap_page **pages;
  /* What was asked for, to ask again on another thread. */
  vmprof_event *events;
  int pinned;
  int user_reads;
} perf_group;

/* ---- life ------------------------------------------------------------------- */

static void close_events(perf_group *group) {
  if (group->pages != NULL) {
    for (int i = 0; i < group->opened; ++i) {
      if (group->pages[i] != NULL) {
        vmprof_syscalls.munmap((void *)(uintptr_t)group->pages[i], group->page_size);
      }
    }
    free(group->pages);
    group->pages = NULL;
  }
  /* Members first: closing a leader makes leaders of its members. */
  while (group->opened > 0) vmprof_syscalls.close(group->descriptors[--group->opened]);
}

static void orphan_group(vmprof_source *source) {
  perf_group *group = (perf_group *)source;
  free(group->pages); /* where they were something else may be */
  group->pages = NULL;
  close_events(group);
}

static void close_group(vmprof_source *source) {
  perf_group *group = (perf_group *)source;
  vmprof_source_gone(source);
  close_events(group);
  if (group->guarded) vmprof_traps_release();
  free(group->descriptors);
  free(group->events);
  free(group);
}

/* perf_event_attr as kernels since 6.3 have it; older headers lack config3. */
typedef union {
  struct perf_event_attr attr;
  struct {
    char before[128]; /* PERF_ATTR_SIZE_VER7 */
    uint64_t config3;
  } version8;
} attributes;

static int open_event(const vmprof_event *event, int pinned, int leader) {
  attributes ask;
  memset(&ask, 0, sizeof ask);
  ask.version8.config3 = event->config3;
  /* A kernel refuses a size that it does not know only if there is something
   * in the part that it does not know. */
  ask.attr.size = sizeof ask.version8;
  ask.attr.type = event->type;
  ask.attr.config = event->config;
  ask.attr.bp_type = event->bp_type;
  ask.attr.config1 = event->config1;
  ask.attr.config2 = event->config2;
  ask.attr.read_format =
      PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  /* Members follow their leader: it alone starts disabled, and may be pinned. */
  ask.attr.disabled = leader < 0;
  ask.attr.pinned = leader < 0 && pinned;
  ask.attr.inherit = event->inherit != 0;
  ask.attr.exclude_user = event->exclude_user != 0;
  ask.attr.exclude_kernel = event->exclude_kernel != 0;
  ask.attr.exclude_hv = event->exclude_hv != 0;
  ask.attr.exclude_guest = event->exclude_guest != 0;
  ask.attr.exclude_host = event->exclude_host != 0;
  return (int)vmprof_syscalls.perf_event_open(&ask, event->pid, event->cpu, leader,
                                              PERF_FLAG_FD_CLOEXEC);
}

/* ---- reading ---------------------------------------------------------------- */

/* Index of Intel's topdown metrics: several of them share a register, whose
 * content is no count (arch/x86/events/core.c, x86_pmu_event_idx). */
#define INDEX_OF_METRICS ((1u << 29) + 1)

/* The count of an event from its page, by the protocol of linux/perf_event.h: the
 * kernel, which changes it on this CPU alone, counts `lock` up before and after.
 * 0 if the page says that the counter cannot be read from here now. */
static int read_page(const struct perf_event_mmap_page *page, uint64_t *value) {
  const volatile struct perf_event_mmap_page *now = page;
  uint32_t sequence;
  do {
    sequence = now->lock;
    atomic_signal_fence(memory_order_seq_cst);
    const uint32_t index = now->index;
    if (!now->cap_user_rdpmc || index == 0 || index == INDEX_OF_METRICS) return 0;
    const int shift = 64 - now->pmc_width;
    const uint64_t raw = vmprof_syscalls.rdpmc(index);
    /* The hardware's count is signed and as wide as pmc_width says. */
    *value = (uint64_t)now->offset + (uint64_t)((int64_t)(raw << shift) >> shift);
    atomic_signal_fence(memory_order_seq_cst);
  } while (now->lock != sequence);
  return 1;
}

static void read_group(vmprof_source *source, vmprof_sample *sample) {
  perf_group *group = (perf_group *)source;
  const uint64_t size = vmprof_sample_size(source->values);
  /* A leader in error state (pinned, not scheduled) reads 0 bytes: a count that
   * does not exist must not be taken for one. */
  if (group->opened == 0 ||
      vmprof_syscalls.read(group->descriptors[0], sample, size) != (int64_t)size) {
    sample->count = 0;
  }
}

static void sample_pages(vmprof_source *source, vmprof_sample *sample) {
  perf_group *group = (perf_group *)source;
  for (int i = 0; i < source->values; ++i) {
    if (!read_page(group->pages[i], &sample->values[i])) {
      read_group(source, sample);
      return;
    }
  }
  sample->count = (uint64_t)source->values;
  sample->enabled_ns = 0;
  sample->running_ns = 0;
}

int vmprof_group_reads_in_user_space(const vmprof_source *source) {
  const perf_group *group = (const perf_group *)source;
  uint64_t value;
  if (group->pages == NULL) return 0;
  for (int i = 0; i < source->values; ++i) {
    if (!read_page(group->pages[i], &value)) return 0;
  }
  return 1;
}

/* ---- opening ---------------------------------------------------------------- */

/* Pages of all events, or of none: a group is read in one way. */
static void map_pages(perf_group *group) {
  group->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
  group->pages = calloc((size_t)group->opened, sizeof *group->pages);
  if (group->pages == NULL) return;
  for (int i = 0; i < group->opened; ++i) {
    const int64_t address =
        vmprof_syscalls.mmap(group->descriptors[i], group->page_size, /*writable=*/0);
    if (address >= 0) {
      group->pages[i] = (const struct perf_event_mmap_page *)(intptr_t)address;
      continue;
    }
    while (i-- > 0) {
      vmprof_syscalls.munmap((void *)(uintptr_t)group->pages[i], group->page_size);
    }
    free(group->pages);
    group->pages = NULL;
    return;
  }
}

static int open_events(perf_group *group, int64_t problem[2]) {
  for (int i = 0; i < group->source.values; ++i) {
    const int leader = i == 0 ? -1 : group->descriptors[0];
    const int descriptor = open_event(&group->events[i], group->pinned, leader);
    if (descriptor < 0) {
      problem[0] = i;
      problem[1] = descriptor;
      close_events(group);
      return descriptor;
    }
    group->descriptors[i] = descriptor;
    group->opened += 1;
  }
  if (group->user_reads) map_pages(group);
  return 0;
}

/* ---- control ---------------------------------------------------------------- */

static int control(const perf_group *group, uint64_t request) {
  return (int)vmprof_syscalls.ioctl(group->descriptors[0], request, PERF_IOC_FLAG_GROUP);
}

static void guard(perf_group *group) {
  if (group->breakpoints == 0 || group->guarded) return;
  vmprof_traps_guard();
  group->guarded = 1;
  group->survived = vmprof_traps_survived();
}

/* Whether accesses may have gone uncounted since. */
static int unguard(perf_group *group) {
  if (!group->guarded) return 0;
  group->guarded = 0;
  vmprof_traps_release();
  return group->accesses > 0 && vmprof_traps_survived() != group->survived ? -EIO : 0;
}

static int enable_group(vmprof_source *source) {
  perf_group *group = (perf_group *)source;
  int64_t problem[2];
  const int code = group->opened == 0 ? open_events(group, problem) : 0;
  if (code != 0) return code;
  guard(group);
  return control(group, PERF_EVENT_IOC_ENABLE);
}

static int disable_group(vmprof_source *source) {
  perf_group *group = (perf_group *)source;
  if (group->opened == 0) return 0;
  const int code = control(group, PERF_EVENT_IOC_DISABLE);
  const int missed = unguard(group);
  if (group->open_while_enabled) close_events(group);
  return code != 0 ? code : missed;
}

/* A page's index appears when its event is scheduled; whether the whole group can be
 * read in user space is therefore known only then. Windows must not try in vain. */
static void settle_group(vmprof_source *source) {
  source->sample = vmprof_group_reads_in_user_space(source) ? sample_pages : read_group;
}

/* ---- making one ------------------------------------------------------------- */

static vmprof_source *clone_group(const vmprof_source *source, int64_t problem[2]) {
  const perf_group *group = (const perf_group *)source;
  vmprof_source *clone = vmprof_group_open(group->events, source->values, group->pinned,
                                           group->user_reads, problem);
  /* Another thread will open it again, for this one. */
  perf_group *own = (perf_group *)clone;
  if (clone != NULL && own->open_while_enabled) {
    for (int i = 0; i < source->values; ++i) own->events[i].pid = (int)syscall(SYS_gettid);
  }
  return clone;
}

vmprof_source *vmprof_group_open(const vmprof_event *events, int count, int pinned,
                                 int user_reads, int64_t problem[2]) {
  problem[0] = 0;
  problem[1] = -ENOMEM;
  perf_group *group = calloc(1, sizeof *group);
  int *descriptors = calloc((size_t)count, sizeof *descriptors);
  vmprof_event *copy = calloc((size_t)count, sizeof *copy);
  if (group == NULL || descriptors == NULL || copy == NULL) {
    free(group);
    free(descriptors);
    free(copy);
    return NULL;
  }
  memcpy(copy, events, (size_t)count * sizeof *copy);
  group->descriptors = descriptors;
  group->events = copy;
  group->pinned = pinned;
  group->user_reads = user_reads;
  group->source = (vmprof_source){
      .values = count,
      .sample = read_group,
      .read = read_group,
      .enable = enable_group,
      .disable = disable_group,
      .settle = settle_group,
      .clone = clone_group,
      .close = close_group,
      .orphan = orphan_group,
  };
  for (int i = 0; i < count; ++i) {
    if (events[i].type != PERF_TYPE_BREAKPOINT) continue;
    group->breakpoints += 1;
    group->accesses += events[i].bp_type != HW_BREAKPOINT_X;
    /* What a thread starts later inherits from an event that is open then. */
    group->open_while_enabled |= !events[i].inherit;
  }
  vmprof_source_known(&group->source);
  if (open_events(group, problem) != 0) {
    close_group(&group->source);
    return NULL;
  }
  if (group->open_while_enabled) close_events(group);
  return &group->source;
}
