// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel parameters: the host's variables, wide ones among them, and their files.
 *
 * A variable is *wide* while some container has a laxer value than the host and the kernel reads it
 * where nothing can be caught: it then holds the laxest value of all, and whoever is not ours is
 * held to the host's own, kept here, by the same hooks. Protocol: vk_parameter_widen().
 */
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include "vk_limit.h"

/* One parameter of the host: the variable that its table's `data` points to. */
static struct {
	const char *symbol;
	unsigned int bytes;		/* of an int or an unsigned long */
	unsigned int feature;		/* of the hooks that hold the host to its own, if it can be wide */
	unsigned int offset;		/* in the variable, where that is a structure */
	void *data;
	bool is_wide;
	unsigned int host;		/* while it is wide; under vk_wide_lock */
	unsigned int greatest;		/* that any container has; likewise */
} vk_parameters[VK_PARAMETERS] = {
	[VK_PARAMETER_OVERCOMMIT_MEMORY] = { "sysctl_overcommit_memory", sizeof(int) },
	[VK_PARAMETER_OVERCOMMIT_RATIO] = { "sysctl_overcommit_ratio", sizeof(int) },
	[VK_PARAMETER_OVERCOMMIT_KBYTES] = { "sysctl_overcommit_kbytes", sizeof(unsigned long) },
	[VK_PARAMETER_MAX_MAP_COUNT] = { "sysctl_max_map_count", sizeof(int), VK_FEATURE_MAPS },
	[VK_PARAMETER_MMAP_MIN_ADDR] = { "dac_mmap_min_addr", sizeof(unsigned long) },
	[VK_PARAMETER_NR_OPEN] = { "sysctl_nr_open", sizeof(int), VK_FEATURE_DESCRIPTORS },
	[VK_PARAMETER_PIPE_MAX_SIZE] = { "pipe_max_size", sizeof(int), VK_FEATURE_PIPES },
	[VK_PARAMETER_PIPE_USER_PAGES_HARD] = { "pipe_user_pages_hard", sizeof(unsigned long) },
	[VK_PARAMETER_PIPE_USER_PAGES_SOFT] = { "pipe_user_pages_soft", sizeof(unsigned long) },
	[VK_PARAMETER_MOUNT_MAX] = { "sysctl_mount_max", sizeof(int) },
	[VK_PARAMETER_THREADS_MAX] = { "max_threads", sizeof(int) },
	[VK_PARAMETER_DMESG_RESTRICT] = { "dmesg_restrict", sizeof(int) },
	[VK_PARAMETER_FILE_MAX] = {
		"files_stat", sizeof(unsigned long),
		.offset = offsetof(struct files_stat_struct, max_files),
	},
	[VK_PARAMETER_ADMIN_RESERVE_KBYTES] = { "sysctl_admin_reserve_kbytes",
						sizeof(unsigned long) },
	[VK_PARAMETER_USER_RESERVE_KBYTES] = { "sysctl_user_reserve_kbytes",
					       sizeof(unsigned long) },
};

static DEFINE_SPINLOCK(vk_wide_lock);
static struct kobject **vk_mm_kobj;

void vk_parameter_bind(void)
{
	unsigned int p;

	for (p = 0; p < VK_PARAMETERS; p++) {
		VK_BIND(vk_parameters[p].data, vk_parameters[p].symbol);
		if (vk_parameters[p].data)
			vk_parameters[p].data += vk_parameters[p].offset;
	}
	VK_BIND(vk_mm_kobj, "mm_kobj");
}

notrace unsigned int vk_parameter_of(const void *p)
{
	const struct ctl_table *table = p;
	unsigned int i;

	if (!table->data)
		return (unsigned long)table->proc_handler == vk_hook_sysctl_max_threads.function ?
		       VK_PARAMETER_THREADS_MAX : VK_PARAMETERS;
	for (i = 0; i < VK_PARAMETERS; i++)
		if (table->data == vk_parameters[i].data)
			return i;
	return VK_PARAMETERS;
}

bool vk_parameter_host(unsigned int p, unsigned long long *bits)
{
	const void *data = vk_parameters[p].data;

	if (!data)
		return false;
	if (READ_ONCE(vk_parameters[p].is_wide))
		*bits = READ_ONCE(vk_parameters[p].host);
	else if (vk_parameters[p].bytes == sizeof(int))
		*bits = READ_ONCE(*(const unsigned int *)data);
	else
		*bits = READ_ONCE(*(const unsigned long *)data);
	return true;
}

/* ---- Wide variables ---- */

notrace bool vk_parameter_wide(unsigned int p, unsigned int *host)
{
	if (!READ_ONCE(vk_parameters[p].is_wide))
		return false;
	*host = READ_ONCE(vk_parameters[p].host);
	return true;
}

/* Under vk_wide_lock. The types are int where a value is not negative, and unsigned int. */
static void vk_parameter_spread(unsigned int p)
{
	WRITE_ONCE(*(unsigned int *)vk_parameters[p].data,
		   max(vk_parameters[p].host, vk_parameters[p].greatest));
}

/*
 * 1. The hooks are armed and verified, and the host is led to them; nothing is wide yet, so they let
 *    everything through.
 * 2. RCU-tasks: a write to the file that went past vk_shadow_parameter() has reached the variable.
 * 3. The host's value is kept, then the variable raised. Who has been judged by the kept value and
 *    then reads the raised one was judged by the stricter one; so was who reads the old one.
 */
int vk_parameter_widen(unsigned int p, unsigned int greatest)
{
	int err;

	if (!vk_parameters[p].data || !vk_parameters[p].feature)
		return -ENODEV;
	if (!vk_parameters[p].is_wide) {
		err = vk_hooks_ask_host(vk_parameters[p].feature, true);
		if (err)
			return err;
		synchronize_rcu_tasks();
	}
	spin_lock(&vk_wide_lock);
	if (!vk_parameters[p].is_wide)
		WRITE_ONCE(vk_parameters[p].host, *(unsigned int *)vk_parameters[p].data);
	vk_parameters[p].greatest = greatest;
	WRITE_ONCE(vk_parameters[p].is_wide, true);
	vk_parameter_spread(p);
	spin_unlock(&vk_wide_lock);
	return 0;
}

/*
 * 1. The host's value is put back.
 * 2. RCU-tasks: a task preempted on its way to the test must find it before the hooks let go.
 */
void vk_parameter_narrow(unsigned int p)
{
	if (!vk_parameters[p].is_wide)
		return;
	spin_lock(&vk_wide_lock);
	WRITE_ONCE(*(unsigned int *)vk_parameters[p].data, vk_parameters[p].host);
	WRITE_ONCE(vk_parameters[p].is_wide, false);
	spin_unlock(&vk_wide_lock);
	synchronize_rcu_tasks();
	vk_hooks_ask_host(vk_parameters[p].feature, false);
}

/* ---- Files ---- */

typedef int vk_proc_handler_t(const struct ctl_table *table, int write, void *buffer, size_t *lenp,
			      loff_t *ppos);

/*
 * The host's own read or write: the kernel's handler on a copy of the table, with the host's value
 * in the variable's place while that is wide.
 */
static int vk_shadow_parameter(vk_proc_handler_t *original, const struct ctl_table *table, int write,
			       void *buffer, size_t *lenp, loff_t *ppos)
{
	unsigned int p = vk_parameter_of(table), host;
	struct ctl_table copy;
	int ret;

	if (p == VK_PARAMETER_MOUNT_MAX)
		return vk_shadow_mount_max(original, table, write, buffer, lenp, ppos);
	if (p == VK_PARAMETERS || !vk_parameter_wide(p, &host))
		return original(table, write, buffer, lenp, ppos);
	copy = *table;
	copy.data = &host;
	ret = original(&copy, write, buffer, lenp, ppos);
	if (ret || !write)
		return ret;
	spin_lock(&vk_wide_lock);
	WRITE_ONCE(vk_parameters[p].host, host);
	if (vk_parameters[p].is_wide)
		vk_parameter_spread(p);
	else
		WRITE_ONCE(*(unsigned int *)vk_parameters[p].data, host);
	spin_unlock(&vk_wide_lock);
	return 0;
}

#define VK_SHADOW_PARAMETER(name)						\
	static notrace int vk_shadow_##name(const struct ctl_table *table, int write,	\
					    void *buffer, size_t *lenp, loff_t *ppos)	\
	{									\
		return vk_shadow_parameter(vk_original_##name, table, write, buffer,	\
					   lenp, ppos);				\
	}

VK_SHADOW_PARAMETER(proc_dointvec_minmax)
VK_SHADOW_PARAMETER(proc_douintvec_minmax)
VK_SHADOW_PARAMETER(proc_doulongvec_minmax)
VK_SHADOW_PARAMETER(proc_dopipe_max_size)
VK_SHADOW_PARAMETER(sysctl_max_threads)

/* RCU-tasks: a write that went past them has reached its variable. */
void vk_parameters_shadow_host(void)
{
	static_call_update(vk_host_proc_dointvec_minmax, vk_shadow_proc_dointvec_minmax);
	static_call_update(vk_host_proc_douintvec_minmax, vk_shadow_proc_douintvec_minmax);
	static_call_update(vk_host_proc_doulongvec_minmax, vk_shadow_proc_doulongvec_minmax);
	static_call_update(vk_host_proc_dopipe_max_size, vk_shadow_proc_dopipe_max_size);
	static_call_update(vk_host_sysctl_max_threads, vk_shadow_sysctl_max_threads);
	synchronize_rcu_tasks();
}

static bool vk_is_thp_dir(const struct kobject *kobj)
{
	return vk_mm_kobj && kobj && kobj->parent == *vk_mm_kobj &&
	       !strcmp(kobject_name(kobj), "transparent_hugepage");
}

static const struct {
	const char *name;
	unsigned int file;
	bool is_of_size;		/* that of PMD order is the same */
} vk_thp_files[] = {
	{ "enabled", VK_THP_FILE_ENABLED, true },
	{ "shmem_enabled", VK_THP_FILE_SHMEM_ENABLED, true },
	{ "defrag", VK_THP_FILE_DEFRAG },
	{ "use_zero_page", VK_THP_FILE_USE_ZERO_PAGE },
};

/* The files of mm/khugepaged.c are a group of the directory, with its kobject. */
static unsigned int vk_thp_file(const void *node, const char *name)
{
	const struct kobject *kobj = vk_sysfs_kobj(node);
	bool is_of_size = !vk_is_thp_dir(kobj);
	unsigned int i;

	if (is_of_size && !vk_is_thp_dir(kobj->parent))
		return VK_THP_FILE_NONE;
	if (is_of_size ? vk_thpsize_order(kobj) != vk_pmd_order() : vk_sysfs_is_in_group(node))
		return VK_THP_FILE_OTHER;
	for (i = 0; i < ARRAY_SIZE(vk_thp_files); i++)
		if (!strcmp(name, vk_thp_files[i].name) && (!is_of_size || vk_thp_files[i].is_of_size))
			return vk_thp_files[i].file;
	return VK_THP_FILE_OTHER;
}

/* For whoever does not use this hook. */
__weak int vk_handler_thp_write(unsigned int file)
{
	return 0;
}

/* Of fs/sysfs/file.c: current writes to a file of sysfs; process context. */
long vk_judge_sysfs_kf_write(struct kernfs_open_file *of);
long vk_judge_sysfs_kf_write(struct kernfs_open_file *of)
{
	const struct attribute *attr = of->kn->priv;
	unsigned int file = vk_thp_file(of->kn, attr->name);

	return file == VK_THP_FILE_NONE ? 0 : vk_handler_thp_write(file);
}

bool vk_may_write(unsigned int op)
{
	return op & MAY_WRITE;
}
