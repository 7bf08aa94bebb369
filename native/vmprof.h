/* The header of every C file here: the public declarations and what they need. */
#ifndef VMPROF_H_
#define VMPROF_H_

#include <stddef.h>
#include <stdint.h>

#include "api.h"

#endif /* VMPROF_H_ */
