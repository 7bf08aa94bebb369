/* The library that pool.c makes. */
#ifndef POOL_H_
#define POOL_H_

#define POOL_WORKERS 2

typedef int (*parallel_task)(int task, void *environment, void *data);
typedef int (*parallel_launch)(parallel_task task, void *data, int num_tasks);

int TVMBackendParallelLaunch(parallel_task task, void *data, int num_tasks);
/* The same, through the slot, as a kernel calls it. */
int pool_launch(parallel_task task, void *data, int num_tasks);
/* The calling thread's workers end. */
void pool_end(void);

#endif /* POOL_H_ */
