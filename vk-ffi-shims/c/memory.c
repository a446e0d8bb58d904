// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups: which one a page is charged to, and which one a namespace's init is in.
 *
 * A memory cgroup and a pid namespace have nothing to do with each other but the tasks that are in
 * both. So the place of each init is observed where it changes: at birth, at exec, and when it is
 * moved. The last two are the kernel's own tracepoints, not hooks; they are in while the lifecycle
 * hooks are.
 *
 * Nothing here holds a reference on a cgroup: ids are never used again, pointers are for RCU.
 */
#include <linux/cgroup.h>
#include <linux/memcontrol.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/cgroup.h>
#include <trace/events/sched.h>
#include "vk_series.h"

static const void *vk_unless_root(struct mem_cgroup *memcg)
{
	return memcg && !mem_cgroup_is_root(memcg) ? memcg : NULL;
}

const void *vk_folio_memcg(const void *folio)
{
	return vk_unless_root(folio_memcg_check((struct folio *)folio));
}

const void *vk_memcg_parent(const void *memcg)
{
	return vk_unless_root(parent_mem_cgroup((struct mem_cgroup *)memcg));
}

unsigned long long vk_memcg_id(const void *memcg)
{
	return cgroup_id(((const struct mem_cgroup *)memcg)->css.cgroup);
}

bool vk_memcg_with(unsigned long long id, void (*found)(const void *memcg, void *data), void *data)
{
	struct cgroup_subsys_state *css;
	struct cgroup *cgroup = cgroup_get_from_id(id);

	if (IS_ERR(cgroup))
		return false;
	/* The memory cgroup above it, where it has none of its own. */
	css = cgroup_get_e_css(cgroup, &memory_cgrp_subsys);
	rcu_read_lock();
	found(vk_unless_root(mem_cgroup_from_css(css)), data);
	rcu_read_unlock();
	css_put(css);
	cgroup_put(cgroup);
	return true;
}

/* ---- Where the init of a namespace is ---- */

/*
 * Tells of @task if it is the init of a namespace, and in a memory cgroup that its parent is not in:
 * what is charged to one that they share is not known to be the namespace's. Any context.
 */
notrace void vk_place(struct task_struct *task)
{
	const void *memcg;
	struct pid *pid;

	rcu_read_lock();
	pid = task_pid(task);
	if (pid && pid->level && pid->numbers[pid->level].nr == 1) {
		memcg = vk_unless_root(mem_cgroup_from_task(task));
		if (memcg && memcg != mem_cgroup_from_task(rcu_dereference(task->real_parent)))
			vk_handler_placed(pid->numbers[pid->level].ns, memcg);
	}
	rcu_read_unlock();
}

/* Process context, under the tracepoint's SRCU. */
static void vk_after_exec(void *data, struct task_struct *task, pid_t old_pid,
			  struct linux_binprm *bprm)
{
	vk_place(task);
}

/* Under cgroup_mutex and a spinlock, interrupts off. */
static void vk_after_attach(void *data, struct cgroup *cgroup, const char *path,
			    struct task_struct *task, bool threadgroup)
{
	vk_place(task);
}

static struct vk_probe {
	const char *name;
	void *probe;
	struct tracepoint *point;
	bool is_in;
} vk_probes[] = {
	{ "sched_process_exec", vk_after_exec },
	{ "cgroup_attach_task", vk_after_attach },
};

/* The prototypes are those of the tracepoints, which are found by name. */
static void __maybe_unused vk_probes_fit(void)
{
	check_trace_callback_type_sched_process_exec(vk_after_exec);
	check_trace_callback_type_cgroup_attach_task(vk_after_attach);
}

static void vk_tracepoint_seen(struct tracepoint *point, void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vk_probes); i++)
		if (!strcmp(point->name, vk_probes[i].name))
			vk_probes[i].point = point;
}

static void vk_places_adopt(void)
{
	struct task_struct *p;

	rcu_read_lock();
	for_each_process(p)
		vk_place(p);
	rcu_read_unlock();
}

int vk_places_watch(void)
{
	unsigned int i;
	int err;

	for_each_kernel_tracepoint(vk_tracepoint_seen, NULL);
	for (i = 0; i < ARRAY_SIZE(vk_probes); i++) {
		struct vk_probe *p = &vk_probes[i];

		if (p->is_in)
			continue;
		err = p->point ? tracepoint_probe_register(p->point, p->probe, NULL) : -ENOENT;
		if (err) {
			vk_places_unwatch();
			return err;
		}
		p->is_in = true;
	}
	vk_places_adopt();
	return 0;
}

void vk_places_unwatch(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vk_probes); i++) {
		struct vk_probe *p = &vk_probes[i];

		if (p->is_in)
			tracepoint_probe_unregister(p->point, p->probe, NULL);
		p->is_in = false;
	}
	tracepoint_synchronize_unregister();
}
