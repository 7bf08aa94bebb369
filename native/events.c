/* Opening, enabling and closing perf events. */
#include "vmprof.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
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

static const vmprof_syscall_table kernel_syscalls = {
    .perf_event_open = sys_perf_event_open,
    .read = sys_read,
    .ioctl = sys_ioctl,
    .close = sys_close,
};

vmprof_syscall_table vmprof_syscalls = {
    .perf_event_open = sys_perf_event_open,
    .read = sys_read,
    .ioctl = sys_ioctl,
    .close = sys_close,
};

void vmprof_syscalls_reset(void) { vmprof_syscalls = kernel_syscalls; }

int vmprof_event_open(uint32_t type, uint64_t config, int exclude_kernel, int group_fd) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  attr.read_format =
      PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  /* Members follow their leader: only it starts disabled. */
  attr.disabled = group_fd < 0;
  attr.exclude_kernel = exclude_kernel != 0;
  attr.exclude_hv = exclude_kernel != 0;
  return (int)vmprof_syscalls.perf_event_open(&attr, /*pid=*/0, /*cpu=*/-1, group_fd,
                                              PERF_FLAG_FD_CLOEXEC);
}

int vmprof_event_close(int fd) { return (int)vmprof_syscalls.close(fd); }

int vmprof_group_enable(int leader_fd) {
  return (int)vmprof_syscalls.ioctl(leader_fd, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

int vmprof_group_disable(int leader_fd) {
  return (int)vmprof_syscalls.ioctl(leader_fd, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
}
