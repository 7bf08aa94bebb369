/* The one place where the shim meets the kernel, and the counters' instructions. */
#include "vmprof.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int64_t or_errno(int64_t result) { return result < 0 ? -errno : result; }

static int64_t sys_perf_event_open(void *attr, int pid, int cpu, int group_fd, uint64_t flags) {
  return or_errno(syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, (unsigned long)flags));
}

static int64_t sys_read(int fd, void *buffer, uint64_t size) {
  return or_errno(read(fd, buffer, size));
}

static int64_t sys_ioctl(int fd, uint64_t request, uint64_t argument) {
  return or_errno(ioctl(fd, (unsigned long)request, (unsigned long)argument));
}

static int64_t sys_close(int fd) { return or_errno(close(fd)); }

static int64_t sys_mmap(int fd, uint64_t size, int writable) {
  void *address =
      mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
  return address == MAP_FAILED ? -errno : (int64_t)(intptr_t)address;
}

static int64_t sys_munmap(void *address, uint64_t size) { return or_errno(munmap(address, size)); }

#if defined(__x86_64__)
/* The page's index is the operand of rdpmc plus one. */
static uint64_t cpu_rdpmc(uint32_t index) {
  uint32_t low, high;
  __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(index - 1));
  return (uint64_t)high << 32 | low;
}
#elif defined(__aarch64__)
/* The page's index is the event counter's number plus one; 32 is the cycle
 * counter. The number of a system register is part of the instruction, and the
 * names need an assembler that knows them all: PMEVCNTR<n>_EL0 is
 * S3_3_C14_C<8 + n / 8>_<n % 8>. */
#define PMEVCNTR(group, number)                                               \
  case ((group) - 8) * 8 + (number):                                          \
    __asm__ volatile("mrs %0, S3_3_C14_C" #group "_" #number : "=r"(value));  \
    break;
#define PMEVCNTRS(group)                                                      \
  PMEVCNTR(group, 0) PMEVCNTR(group, 1) PMEVCNTR(group, 2) PMEVCNTR(group, 3) \
  PMEVCNTR(group, 4) PMEVCNTR(group, 5) PMEVCNTR(group, 6) PMEVCNTR(group, 7)
static uint64_t cpu_rdpmc(uint32_t index) {
  uint64_t value = 0;
  __asm__ volatile("isb" ::: "memory");
  switch (index - 1) {
    PMEVCNTRS(8)
    PMEVCNTRS(9)
    PMEVCNTRS(10)
    PMEVCNTR(11, 0)
    PMEVCNTR(11, 1)
    PMEVCNTR(11, 2)
    PMEVCNTR(11, 3)
    PMEVCNTR(11, 4)
    PMEVCNTR(11, 5)
    PMEVCNTR(11, 6)
    case 31:
      __asm__ volatile("mrs %0, PMCCNTR_EL0" : "=r"(value));
      break;
    default:
      break;
  }
  return value;
}
#else
#error "vmprof reads the counters of x86-64 and aarch64 processors only"
#endif

#define KERNEL_SYSCALLS                        \
  {                                            \
      .perf_event_open = sys_perf_event_open,  \
      .read = sys_read,                        \
      .ioctl = sys_ioctl,                      \
      .close = sys_close,                      \
      .mmap = sys_mmap,                        \
      .munmap = sys_munmap,                    \
      .rdpmc = cpu_rdpmc,                      \
  }

vmprof_syscall_table vmprof_syscalls = KERNEL_SYSCALLS;

void vmprof_syscalls_reset(void) {
  vmprof_syscalls = (vmprof_syscall_table)KERNEL_SYSCALLS;
}
