#include "kernel.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmprof.h"

#define PAGE 4096
#define DESCRIPTORS (1 << 20)
#define HITS 3 /* that a sampler finds each time it is on */

static _Thread_local uint64_t done;
static atomic_int_fast64_t open_now;
static atomic_int descriptors;
/* Of samplers, by descriptor: no lock, so that what orders threads is the shim's own doing. */
static struct perf_event_mmap_page *rings[DESCRIPTORS];

void kernel_work(uint64_t amount) { done += amount; }
int64_t kernel_open(void) { return atomic_load(&open_now); }

static int64_t open_event(void *attr, int pid, int cpu, int group_fd, uint64_t flags) {
  (void)attr, (void)pid, (void)cpu, (void)group_fd, (void)flags;
  const int descriptor = atomic_fetch_add_explicit(&descriptors, 1, memory_order_relaxed) + 1;
  if (descriptor >= DESCRIPTORS) return -EMFILE;
  atomic_fetch_add_explicit(&open_now, 1, memory_order_relaxed);
  return descriptor;
}

/* Every value of a group is what its thread did. */
static int64_t read_event(int fd, void *buffer, uint64_t size) {
  (void)fd;
  uint64_t *words = buffer;
  const uint64_t count = size / sizeof *words;
  if (count < 4) return -EINVAL; /* a sampler's losses, which this kernel does not tell */
  words[0] = count - 3;
  words[1] = words[2] = 1000;
  for (uint64_t i = 3; i < count; ++i) words[i] = done;
  return (int64_t)size;
}

static void find(struct perf_event_mmap_page *ring) {
  struct {
    struct perf_event_header header;
    uint64_t address;
    uint32_t process, thread;
    uint64_t time_ns;
    uint32_t cpu, reserved;
    uint64_t period;
  } found = {.header = {PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, sizeof found}, .period = 1};
  char *data = (char *)ring + PAGE;
  for (int hit = 0; hit < HITS; ++hit) {
    for (uint64_t i = 0; i < sizeof found; ++i) {
      data[(ring->data_head + i) % ring->data_size] = ((const char *)&found)[i];
    }
    ring->data_head += sizeof found;
  }
}

static int64_t control(int fd, uint64_t request, uint64_t argument) {
  (void)argument;
  if (request == PERF_EVENT_IOC_DISABLE && rings[fd] != NULL) find(rings[fd]);
  return 0;
}

static int64_t close_event(int fd) {
  rings[fd] = NULL;
  atomic_fetch_sub_explicit(&open_now, 1, memory_order_relaxed);
  return 0;
}

static int64_t map(int fd, uint64_t size, int writable) {
  struct perf_event_mmap_page *page = aligned_alloc(PAGE, size);
  if (page == NULL) return -ENOMEM;
  memset(page, 0, size);
  page->cap_user_rdpmc = 1;
  page->index = 1;
  page->pmc_width = 48;
  if (writable) {
    page->data_offset = PAGE;
    page->data_size = size - PAGE;
    rings[fd] = page;
  }
  atomic_fetch_add_explicit(&open_now, 1, memory_order_relaxed);
  return (int64_t)(intptr_t)page;
}

static int64_t unmap(void *address, uint64_t size) {
  (void)size;
  free(address);
  atomic_fetch_sub_explicit(&open_now, 1, memory_order_relaxed);
  return 0;
}

static uint64_t counter(uint32_t index) {
  (void)index;
  return done;
}

void kernel_play(void) {
  vmprof_syscalls = (vmprof_syscall_table){
      .perf_event_open = open_event,
      .read = read_event,
      .ioctl = control,
      .close = close_event,
      .mmap = map,
      .munmap = unmap,
      .rdpmc = counter,
  };
}
