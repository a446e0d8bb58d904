// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel parameters: the host's variables, wide ones among them, and their files.
 *
 * A variable is *wide* while some container has a laxer value than the host and the kernel reads it
 * where nothing can be caught: it then holds the laxest value of all, and whoever is not ours is
 * held to the host's own, kept here, by the same hooks. Protocol: vk_parameter_raise(). The host's
 * own write of its file may make a variable wide, or end that.
 *
 * The *edge* of a parameter is what no value in force is stricter than. It turns stricter before a value
 * does, and laxer after it.
 *
 * Locks: the control mutex or none, then vk_wide_mutex; those or the registry's, then vk_edge_lock. Who
 * only reads takes none.
 */
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/pipe_fs_i.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include "vk_limit.h"

/* One parameter of the host: the variable that its table's `data` points to. */
static struct vk_row {
	const char *symbol;
	unsigned int bytes;		/* of an int or an unsigned long */
	unsigned int feature;		/* of the hooks that hold the host to its own, if it can be wide */
	unsigned int offset;		/* in the variable, where that is a structure */
	void *data;
	bool is_answered;		/* the host's own reads are not simply the kernel's */
	unsigned int greatest;		/* that any container has, or 0; under vk_wide_mutex */
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
	[VK_PARAMETER_MOUNT_MAX] = { "sysctl_mount_max", sizeof(int), .is_answered = true },
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

unsigned long long vk_host_bounds[VK_PARAMETERS] = { [0 ... VK_PARAMETERS - 1] = VK_UNBOUND };

/* Until somebody says what containers have, everybody is asked. */
#define VK_STRICTEST { [VK_PARAMETER_MMAP_MIN_ADDR] = U64_MAX }
unsigned long long vk_edges[VK_PARAMETERS] = VK_STRICTEST;
/* Those of containers alone. */
static unsigned long long vk_inner_edges[VK_PARAMETERS] = VK_STRICTEST;
static DEFINE_RAW_SPINLOCK(vk_edge_lock);

/* By the hash of their variable; some are free. */
#define VK_SLOT_BITS 6
static struct vk_row *vk_slots[1 << VK_SLOT_BITS];
static_assert(VK_PARAMETERS < ARRAY_SIZE(vk_slots));

/* Writers of a host's value and of what follows from it. */
static DEFINE_MUTEX(vk_wide_mutex);
static struct kobject **vk_mm_kobj;

/* The slot that has the parameter of @data, or the free one where it belongs. */
static noinline notrace struct vk_row **vk_slot(const void *data)
{
	unsigned int at = hash_ptr(data, VK_SLOT_BITS);

	while (vk_slots[at] && vk_slots[at]->data != data)
		at = (at + 1) % ARRAY_SIZE(vk_slots);
	return &vk_slots[at];
}

void vk_parameter_bind(void)
{
	unsigned int p;

	for (p = 0; p < VK_PARAMETERS; p++) {
		VK_BIND(vk_parameters[p].data, vk_parameters[p].symbol);
		if (!vk_parameters[p].data)
			continue;
		vk_parameters[p].data += vk_parameters[p].offset;
		*vk_slot(vk_parameters[p].data) = &vk_parameters[p];
	}
	VK_BIND(vk_mm_kobj, "mm_kobj");
}

/* The parameter of a table, or NULL: most tables hash to a free slot. */
static __always_inline struct vk_row *vk_row_of(const struct ctl_table *table)
{
	struct vk_row *row;

	if (table->data) {
		row = vk_slots[hash_ptr(table->data, VK_SLOT_BITS)];
		return !row || row->data == table->data ? row : *vk_slot(table->data);
	}
	return (unsigned long)table->proc_handler == vk_hook_sysctl_max_threads.function ?
	       &vk_parameters[VK_PARAMETER_THREADS_MAX] : NULL;
}

notrace unsigned int vk_parameter_of(const void *table)
{
	const struct vk_row *row = vk_row_of(table);

	return row ? row - vk_parameters : VK_PARAMETERS;
}

bool vk_parameter_host(unsigned int p, unsigned long long *bits)
{
	const void *data = vk_parameters[p].data;

	if (!data)
		return false;
	*bits = vk_host_bound(p);
	if (*bits != VK_UNBOUND)
		return true;
	if (vk_parameters[p].bytes == sizeof(int))
		*bits = READ_ONCE(*(const unsigned int *)data);
	else
		*bits = READ_ONCE(*(const unsigned long *)data);
	return true;
}

/* ---- Edges ---- */

static unsigned long long vk_stricter(unsigned int p, unsigned long long a, unsigned long long b)
{
	return p == VK_PARAMETER_MMAP_MIN_ADDR ? max(a, b) : min(a, b);
}

/*
 * A new pipe has PIPE_DEF_BUFFERS pages at the most. What all of a user's come to only the original knows,
 * once it has counted this one in, so that two at once do not both get the last page.
 */
bool vk_pipes_are_judged = true;

static void vk_pipes_publish(void)
{
	bool are_judged = vk_edges[VK_PARAMETER_PIPE_MAX_SIZE] < PIPE_DEF_BUFFERS * PAGE_SIZE ||
			  vk_edges[VK_PARAMETER_PIPE_USER_PAGES_SOFT] != VK_UNBOUND ||
			  vk_edges[VK_PARAMETER_PIPE_USER_PAGES_HARD] != VK_UNBOUND;

	smp_store_release(&vk_pipes_are_judged, are_judged);
}

/* Under the lock. Who sees a laxer edge sees what made it so. */
static void vk_edge_publish(unsigned int p)
{
	unsigned long long edge = vk_inner_edges[p];

	/* Only limits are wide. */
	if (vk_host_bounds[p] != VK_UNBOUND)
		edge = min(edge, vk_host_bounds[p]);
	smp_store_release(&vk_edges[p], edge);
	vk_pipes_publish();
}

void vk_edge_tighten(unsigned int p, unsigned long long edge)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vk_edge_lock, flags);
	vk_inner_edges[p] = vk_stricter(p, vk_inner_edges[p], edge);
	vk_edge_publish(p);
	raw_spin_unlock_irqrestore(&vk_edge_lock, flags);
}

void vk_edge_set(unsigned int p, unsigned long long edge)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vk_edge_lock, flags);
	vk_inner_edges[p] = edge;
	vk_edge_publish(p);
	raw_spin_unlock_irqrestore(&vk_edge_lock, flags);
}

/* Keeps the host's value, or lets it go: who sees that sees the variable as it is then. */
static void vk_host_keep(unsigned int p, unsigned long long bound)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vk_edge_lock, flags);
	smp_store_release(&vk_host_bounds[p], bound);
	vk_edge_publish(p);
	raw_spin_unlock_irqrestore(&vk_edge_lock, flags);
}

/* ---- Wide variables ---- */

/*
 * The types are int where a value is not negative, and unsigned int. Under vk_wide_mutex, as the next.
 *
 * 1. The hooks are armed and verified, and the host is led to them; nothing is wide yet, so they let
 *    everything through.
 * 2. The host's value is kept, and it is held to that; the variable may still have another one.
 * 3. RCU-tasks: who went past the hooks, or past the kept value, has read the variable.
 * 4. The variable is raised.
 */
static int vk_parameter_raise(unsigned int p, unsigned int host)
{
	bool was_wide = vk_host_bound(p) != VK_UNBOUND;
	int err = was_wide ? 0 : vk_hooks_ask_host(vk_parameters[p].feature, true);

	if (err)
		return err;
	WRITE_ONCE(vk_parameters[p].is_answered, true);
	vk_host_keep(p, host);
	if (!was_wide)
		synchronize_rcu_tasks();
	WRITE_ONCE(*(unsigned int *)vk_parameters[p].data, vk_parameters[p].greatest);
	return 0;
}

/*
 * 1. The host's value is put back.
 * 2. RCU-tasks: a task preempted on its way to the test must find it before the hooks let go.
 */
static void vk_parameter_lower(unsigned int p, unsigned int host)
{
	WRITE_ONCE(*(unsigned int *)vk_parameters[p].data, host);
	if (vk_host_bound(p) == VK_UNBOUND)
		return;
	vk_host_keep(p, VK_UNBOUND);
	WRITE_ONCE(vk_parameters[p].is_answered, false);
	synchronize_rcu_tasks();
	vk_hooks_ask_host(vk_parameters[p].feature, false);
}

/* Gives the host @host, and containers what they have. An error leaves them what the host has. */
static int vk_parameter_settle(unsigned int p, unsigned int host)
{
	int err = 0;

	if (vk_parameters[p].greatest > host)
		err = vk_parameter_raise(p, host);
	if (err || vk_parameters[p].greatest <= host)
		vk_parameter_lower(p, host);
	return err;
}

/* The host's own value, of one that can be wide. */
static unsigned int vk_parameter_own(unsigned int p)
{
	unsigned long long bits;

	return vk_parameter_host(p, &bits) ? bits : 0;
}

int vk_parameter_widen(unsigned int p, unsigned int greatest)
{
	int err;

	if (!vk_parameters[p].data || !vk_parameters[p].feature)
		return -ENODEV;
	mutex_lock(&vk_wide_mutex);
	vk_parameters[p].greatest = greatest;
	err = vk_parameter_settle(p, vk_parameter_own(p));
	mutex_unlock(&vk_wide_mutex);
	return err;
}

void vk_parameter_narrow(unsigned int p)
{
	if (vk_parameters[p].greatest)
		vk_parameter_widen(p, 0);
}

/* ---- Files ---- */

typedef int vk_proc_handler_t(const struct ctl_table *table, int write, void *buffer, size_t *lenp,
			      loff_t *ppos);

/* The kernel's handler on a copy of the table, with @value in the variable's place. */
static int vk_handle_value(vk_proc_handler_t *original, const struct ctl_table *table, int write,
			   void *buffer, size_t *lenp, loff_t *ppos, unsigned int *value)
{
	struct ctl_table copy = *table;

	copy.data = value;
	return original(&copy, write, buffer, lenp, ppos);
}

/*
 * The host's own write of what can be wide. It may sleep as long as RCU-tasks does, if it crosses
 * what a container has.
 */
static int vk_shadow_write(unsigned int hook, unsigned int p, vk_proc_handler_t *original,
			   const struct ctl_table *table, void *buffer, size_t *lenp, loff_t *ppos)
{
	int slot = vk_flight_enter(hook);
	unsigned int host;
	int ret;

	mutex_lock(&vk_wide_mutex);
	host = vk_parameter_own(p);
	ret = vk_handle_value(original, table, 1, buffer, lenp, ppos, &host);
	if (!ret && vk_parameter_settle(p, host))
		pr_warn("%s: containers are held to the host's %s\n", KBUILD_MODNAME,
			table->procname);
	mutex_unlock(&vk_wide_mutex);
	vk_flight_leave(hook, slot);
	return ret;
}

/* For whoever has no texts of its own. */
__weak bool vk_handler_text(unsigned int p, unsigned long long value, void *buffer, size_t *lenp,
			    loff_t *ppos)
{
	return false;
}

/* Whether the host's own read or write of the file is not simply the kernel's. */
static __always_inline bool vk_is_shadowed(const struct vk_row *row, int write)
{
	return row && (READ_ONCE(row->is_answered) || (write && row->feature));
}

static noinline int vk_shadow_parameter(unsigned int hook, vk_proc_handler_t *original,
					const struct ctl_table *table, int write, void *buffer,
					size_t *lenp, loff_t *ppos)
{
	const struct vk_row *row = vk_row_of(table);
	unsigned int p, host;

	if (!vk_is_shadowed(row, write))
		return original(table, write, buffer, lenp, ppos);
	p = row - vk_parameters;
	if (p == VK_PARAMETER_MOUNT_MAX)
		return vk_shadow_mount_max(original, table, write, buffer, lenp, ppos);
	if (write)
		return vk_shadow_write(hook, p, original, table, buffer, lenp, ppos);
	host = vk_parameter_own(p);
	if (vk_handler_text(p, host, buffer, lenp, ppos))
		return 0;
	return vk_handle_value(original, table, 0, buffer, lenp, ppos, &host);
}

/* Whether it is so at a glance: of most tables, and of parameters that nobody has more of. */
static __always_inline bool vk_is_the_kernels(const struct ctl_table *table, int write)
{
	const struct vk_row *row;

	if (unlikely(!table->data))
		return false;
	row = vk_slots[hash_ptr(table->data, VK_SLOT_BITS)];
	return !row || (row->data == table->data && !vk_is_shadowed(row, write));
}

#define VK_SHADOW_PARAMETER(name)						\
	static notrace int vk_shadow_##name(const struct ctl_table *table, int write,	\
					    void *buffer, size_t *lenp, loff_t *ppos)	\
	{									\
		if (likely(vk_is_the_kernels(table, write)))			\
			return static_call(vk_original_##name)(table, write, buffer, lenp, ppos); \
		return vk_shadow_parameter(vk_hook_##name.id, vk_original_##name, table, write, \
					   buffer, lenp, ppos);			\
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
