/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of limits share: limit.c answers for the container of the running task. */
#ifndef VK_LIMIT_H
#define VK_LIMIT_H

#include "vk_series.h"

/* Whether the value of current, or the host's while that is wide, forbids what would come to @asked. */
bool vk_forbids_current(unsigned int parameter, unsigned long long asked);
/*
 * The value that counts for the owner of @mm, for current without one; VK_UNBOUND if the kernel's own
 * test is enough. Any context, and much cheaper than the answers of the others.
 */
#define VK_UNBOUND U64_MAX
unsigned long long vk_bound(unsigned int parameter, const struct mm_struct *mm);
/* As vk_forbids_current(), of a limit: within the value as it is nobody asks for more. */
static inline bool vk_exceeds_current(unsigned int parameter, unsigned long long asked)
{
	return asked > vk_bound(parameter, NULL) && vk_forbids_current(parameter, asked);
}

/* That value; false if there is none and the kernel's own test is enough. */
bool vk_value_current(unsigned int parameter, unsigned long long *value);
/* What the host is held to, of a variable that is wide; VK_UNBOUND of others. */
extern unsigned long long vk_host_bounds[];
static __always_inline unsigned long long vk_host_bound(unsigned int parameter)
{
	return smp_load_acquire(&vk_host_bounds[parameter]);
}

/* Whether nobody's value forbids what comes to @asked, of a limit. Any context. */
static __always_inline bool vk_is_within(unsigned int parameter, unsigned long long asked)
{
	return asked <= smp_load_acquire(&vk_edges[parameter]);
}

/* Called by vk_limit_bind(). */
void vk_pipe_bind(void);
void vk_mount_bind(void);

/* The host's own read or write of fs.mount-max, by the handler @original. */
int vk_shadow_mount_max(int (*original)(const struct ctl_table *, int, void *, size_t *, loff_t *),
			const struct ctl_table *table, int write, void *buffer, size_t *lenp,
			loff_t *ppos);

#endif
