// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs.mount-max: how many mounts a mount namespace may have. The kernel's own is fs/namespace.c.
 *
 * Lock order: the kernel's namespace_sem, then vk_mount_mutex.
 */
#include <linux/errno.h>
#include <linux/mutex.h>
#include "vk_limit.h"

static unsigned int *vk_mount_max;
static DEFINE_MUTEX(vk_mount_mutex);

void vk_mount_bind(void)
{
	VK_BIND(vk_mount_max, "sysctl_mount_max");
}

/* Which function it is says the series file; here only that it takes two pointers. */
VK_HOOK_DECLARE(mounts, int, void *first, void *second);
/* Called by the stub alone. */
int vk_handler_mounts(void *first, void *second);

/*
 * count_mounts() is the only reader of the variable but for its file, and its callers hold
 * namespace_sem for writing: while one runs for current, nobody else does. So it runs with the value
 * of current in the variable, and the file waits. The same holds for attach_recursive_mnt(), in which
 * all its calls are, and which sleeps. Either is hooked.
 */
int vk_handler_mounts(void *first, void *second)
{
	int slot = vk_flight_enter(vk_hook_mounts.id);
	unsigned long long limit;
	unsigned int host;
	int ret;

	if (!vk_value_current(VK_PARAMETER_MOUNT_MAX, &limit)) {
		ret = vk_original_mounts(first, second);
	} else {
		mutex_lock(&vk_mount_mutex);
		host = *vk_mount_max;
		WRITE_ONCE(*vk_mount_max, limit);
		ret = vk_original_mounts(first, second);
		WRITE_ONCE(*vk_mount_max, host);
		mutex_unlock(&vk_mount_mutex);
		/* Almost surely by the limit: there are 2^31 groups of peers. */
		if (ret == -ENOSPC)
			vk_forbids_current(VK_PARAMETER_MOUNT_MAX, limit + 1);
	}
	vk_flight_leave(vk_hook_mounts.id, slot);
	return ret;
}

int vk_shadow_mount_max(int (*original)(const struct ctl_table *, int, void *, size_t *, loff_t *),
			const struct ctl_table *table, int write, void *buffer, size_t *lenp,
			loff_t *ppos)
{
	int slot = vk_flight_enter(vk_hook_proc_dointvec_minmax.id);
	int ret;

	mutex_lock(&vk_mount_mutex);
	ret = original(table, write, buffer, lenp, ppos);
	mutex_unlock(&vk_mount_mutex);
	vk_flight_leave(vk_hook_proc_dointvec_minmax.id, slot);
	return ret;
}
