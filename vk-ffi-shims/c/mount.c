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

int vk_handler_count_mounts(struct mnt_namespace *ns, struct mount *mnt);

/*
 * The original is the only reader of the variable but for its file, and its callers hold
 * namespace_sem for writing: while it runs for current, nobody else does. So it runs with the value
 * of current in the variable, and the file waits.
 */
int vk_handler_count_mounts(struct mnt_namespace *ns, struct mount *mnt)
{
	unsigned long long limit;
	unsigned int host;
	int slot, ret;

	if (!vk_value_current(VK_PARAMETER_MOUNT_MAX, &limit))
		return vk_original_count_mounts(ns, mnt);
	slot = vk_flight_enter(vk_hook_count_mounts.id);
	mutex_lock(&vk_mount_mutex);
	host = *vk_mount_max;
	WRITE_ONCE(*vk_mount_max, limit);
	ret = vk_original_count_mounts(ns, mnt);
	WRITE_ONCE(*vk_mount_max, host);
	mutex_unlock(&vk_mount_mutex);
	if (ret)
		vk_forbids_current(VK_PARAMETER_MOUNT_MAX, limit + 1);
	vk_flight_leave(vk_hook_count_mounts.id, slot);
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
