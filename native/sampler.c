/* Where threads are, at a rate: a perf event of one thread that interrupts it now and then, and
 * the ring buffer in which the kernel writes what it found.
 *
 * To recorders a sampler is a source without values: windows read nothing of it. It is switched
 * with the other sources of a team, and emptied when it is switched off, which is behind the
 * run: what it found is kept here until somebody takes it. */
#include "vmprof.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Of read_format, in Linux since 6.0: how many samples the event has lost. */
#define FORMAT_LOST (1u << 4)
/* Room for what one thread's runs find before it is taken. */
#define HITS_MAX (INT64_C(1) << 18)
/* A ring that is not permitted in full is made smaller, down to this. */
#define LEAST_RING (UINT64_C(8) << 12)

typedef struct {
  vmprof_source source;
  vmprof_sampling asked; /* to ask again on another thread */
  int64_t thread;
  int descriptor;
  int tells_lost; /* by read(), besides the records */
  struct perf_event_mmap_page *page;
  uint64_t mapped;
  vmprof_hit *hits;
  int64_t used;
  int64_t lost;      /* since they were taken last, as the next two */
  int64_t throttled;
  int64_t lost_in_ring;
  uint64_t lost_by_read; /* ever, of which `lost` has all */
} sampler;

/* What the kernel writes, in this order, for SAMPLE_TYPE. */
#define SAMPLE_TYPE \
  (PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD)
typedef struct {
  struct perf_event_header header;
  uint64_t address;
  uint32_t process, thread;
  uint64_t time_ns;
  uint32_t cpu, reserved;
  uint64_t period;
} sample_record;

typedef struct {
  struct perf_event_header header;
  uint64_t event, lost;
} lost_record;

/* ---- the ring ------------------------------------------------------------------------ */

static void keep(sampler *own, const sample_record *record) {
  if (own->used == HITS_MAX) {
    own->lost += 1;
    return;
  }
  own->hits[own->used++] = (vmprof_hit){
      .address = record->address,
      .time_ns = (int64_t)record->time_ns,
      .period = record->period,
      .thread = own->thread,
      .cpu = (int32_t)record->cpu,
      .mode = record->header.misc & PERF_RECORD_MISC_CPUMODE_MASK,
  };
}

/* `size` bytes of the ring from `position` on, which may be around its end. */
static void copy(const char *ring, uint64_t ring_size, uint64_t position, void *to, uint64_t size) {
  const uint64_t at = position & (ring_size - 1);
  const uint64_t first = size < ring_size - at ? size : ring_size - at;
  memcpy(to, ring + at, first);
  memcpy((char *)to + first, ring, size - first);
}

/* All records up to now; afterwards the kernel may write over them. */
static void empty(sampler *own) {
  struct perf_event_mmap_page *page = own->page;
  const char *ring = (const char *)page + page->data_offset;
  const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  uint64_t tail = page->data_tail;
  while (tail < head) {
    union {
      struct perf_event_header header;
      sample_record sample;
      lost_record lost;
    } record;
    copy(ring, page->data_size, tail, &record.header, sizeof record.header);
    const uint64_t size = record.header.size;
    if (size < sizeof record.header || size > head - tail) break; /* no record of the kernel's */
    copy(ring, page->data_size, tail, &record, size < sizeof record ? size : sizeof record);
    if (record.header.type == PERF_RECORD_SAMPLE && size >= sizeof record.sample) {
      keep(own, &record.sample);
    } else if (record.header.type == PERF_RECORD_LOST && size >= sizeof record.lost) {
      own->lost_in_ring += (int64_t)record.lost.lost;
    } else if (record.header.type == PERF_RECORD_THROTTLE) {
      own->throttled += 1;
    }
    tail += size;
  }
  __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

/* What found no room is told by a record in front of the next one that does, maybe never; where
 * the kernel also tells it when asked, that is all of it. */
static void count_lost(sampler *own) {
  uint64_t reading[2]; /* the event's count, and what it lost */
  if (!own->tells_lost) {
    own->lost += own->lost_in_ring;
  } else if (vmprof_syscalls.read(own->descriptor, reading, sizeof reading) == sizeof reading) {
    own->lost += (int64_t)(reading[1] - own->lost_by_read);
    own->lost_by_read = reading[1];
  }
  own->lost_in_ring = 0;
}

/* ---- as a source ------------------------------------------------------------------------ */

static void sample_nothing(vmprof_source *source, vmprof_sample *sample) {
  (void)source;
  *sample = (vmprof_sample){0};
}

static int control(const sampler *own, uint64_t request) {
  return (int)vmprof_syscalls.ioctl(own->descriptor, request, PERF_IOC_FLAG_GROUP);
}

static int enable_sampler(vmprof_source *source) {
  return control((const sampler *)source, PERF_EVENT_IOC_ENABLE);
}

static int disable_sampler(vmprof_source *source) {
  sampler *own = (sampler *)source;
  const int code = control(own, PERF_EVENT_IOC_DISABLE);
  empty(own);
  count_lost(own);
  return code;
}

static void one_way(vmprof_source *source) { (void)source; }

static void orphan_sampler(vmprof_source *source) {
  sampler *own = (sampler *)source;
  own->page = NULL; /* where it was something else may be */
  if (own->descriptor >= 0) vmprof_syscalls.close(own->descriptor);
  own->descriptor = -1;
  own->used = own->lost = own->throttled = 0;
}

static void close_sampler(vmprof_source *source) {
  sampler *own = (sampler *)source;
  vmprof_source_gone(source);
  if (own->page != NULL) vmprof_syscalls.munmap(own->page, own->mapped);
  if (own->descriptor >= 0) vmprof_syscalls.close(own->descriptor);
  if (own->hits != MAP_FAILED) munmap(own->hits, HITS_MAX * sizeof *own->hits);
  free(own);
}

static vmprof_source *clone_sampler(const vmprof_source *source, int64_t problem[2]) {
  return vmprof_sampler_open(&((const sampler *)source)->asked, problem);
}

/* ---- opening ------------------------------------------------------------------------------ */

static int open_event(const vmprof_sampling *asked, uint64_t read_format) {
  const vmprof_event *event = &asked->event;
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = event->type;
  attr.config = event->config;
  attr.config1 = event->config1;
  attr.config2 = event->config2;
  attr.bp_type = event->bp_type;
  attr.read_format = read_format;
  attr.sample_type = SAMPLE_TYPE;
  attr.sample_freq = asked->rate;
  attr.freq = 1;
  attr.precise_ip = (unsigned)asked->precise & 3;
  attr.use_clockid = 1; /* that of windows */
  attr.clockid = CLOCK_MONOTONIC;
  attr.disabled = 1;
  attr.exclude_user = event->exclude_user != 0;
  attr.exclude_kernel = event->exclude_kernel != 0;
  attr.exclude_hv = event->exclude_hv != 0;
  attr.exclude_guest = event->exclude_guest != 0;
  attr.exclude_host = event->exclude_host != 0;
  return (int)vmprof_syscalls.perf_event_open(&attr, event->pid, event->cpu, -1,
                                              PERF_FLAG_FD_CLOEXEC);
}

/* 0 or -errno. */
static int map_ring(sampler *own) {
  const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
  int64_t address = -ENOMEM;
  for (uint64_t size = own->asked.ring_size; size >= LEAST_RING; size /= 2) {
    address = vmprof_syscalls.mmap(own->descriptor, page_size + size, /*writable=*/1);
    if (address >= 0) {
      own->page = (struct perf_event_mmap_page *)(intptr_t)address;
      own->mapped = page_size + size;
      return 0;
    }
    /* Rings together are limited by kernel.perf_event_mlock_kb, and by RLIMIT_MEMLOCK. */
    if (address != -EPERM && address != -ENOMEM) break;
  }
  return (int)address;
}

/* 0, or -errno, and in `what` 0 for the event and 1 for its ring. */
static int open_ring(sampler *own, int64_t *what) {
  own->tells_lost = 1;
  own->descriptor = open_event(&own->asked, FORMAT_LOST);
  if (own->descriptor == -EINVAL) {
    own->tells_lost = 0;
    own->descriptor = open_event(&own->asked, 0);
  }
  if (own->descriptor < 0) return own->descriptor;
  *what = 1;
  const int code = map_ring(own);
  if (code != 0) return code;
  own->hits = mmap(NULL, HITS_MAX * sizeof *own->hits, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return own->hits == MAP_FAILED ? -errno : 0;
}

vmprof_source *vmprof_sampler_open(const vmprof_sampling *asked, int64_t problem[2]) {
  problem[0] = 0;
  problem[1] = -ENOMEM;
  sampler *own = calloc(1, sizeof *own);
  if (own == NULL) return NULL;
  own->asked = *asked;
  own->thread = vmprof_thread_number();
  own->descriptor = -1;
  own->hits = MAP_FAILED;
  own->source = (vmprof_source){
      .sample = sample_nothing,
      .read = sample_nothing,
      .enable = enable_sampler,
      .disable = disable_sampler,
      .settle = one_way,
      .clone = clone_sampler,
      .close = close_sampler,
      .orphan = orphan_sampler,
  };
  vmprof_source_known(&own->source);
  const int code = open_ring(own, &problem[0]);
  if (code != 0) {
    problem[1] = code;
    close_sampler(&own->source);
    return NULL;
  }
  return &own->source;
}

/* ---- what was found -------------------------------------------------------------------------- */

int vmprof_source_is_sampler(const vmprof_source *source) {
  return source->close == close_sampler;
}

int64_t vmprof_sampler_count(const vmprof_source *source) {
  return vmprof_source_is_sampler(source) ? ((const sampler *)source)->used : 0;
}

int vmprof_sampler_is_half_full(const vmprof_source *source) {
  return 2 * vmprof_sampler_count(source) >= HITS_MAX;
}

int64_t vmprof_sampler_take(vmprof_source *source, vmprof_hit *hits, vmprof_missed *missed) {
  if (!vmprof_source_is_sampler(source)) return 0;
  sampler *own = (sampler *)source;
  const int64_t count = own->used;
  memcpy(hits, own->hits, (size_t)count * sizeof *hits);
  missed->lost += own->lost;
  missed->throttled += own->throttled;
  own->used = own->lost = own->throttled = 0;
  return count;
}
