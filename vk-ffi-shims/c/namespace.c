// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pid namespaces: their place, their init, their memory cgroup, their birth and their end.
 */
#include <linux/capability.h>
#include <linux/memcontrol.h>
#include <linux/page_counter.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "vk_series.h"

const void *vk_ns_parent(const void *ns)
{
	const struct pid_namespace *parent = ((const struct pid_namespace *)ns)->parent;

	return parent && parent->level ? parent : NULL;
}

unsigned int vk_ns_level(const void *ns)
{
	return ((const struct pid_namespace *)ns)->level;
}

bool vk_ns_is_descendant(const void *p, const void *ancestor)
{
	const struct pid_namespace *ns = p, *a = ancestor;

	while (ns->level > a->level)
		ns = ns->parent;
	return ns == a;
}

bool vk_ns_below_current(const void *ns)
{
	struct pid_namespace *mine = task_active_pid_ns(current);

	return mine && mine != ns && vk_ns_is_descendant(ns, mine);
}

static struct task_struct *vk_ns_init(const struct pid_namespace *ns)
{
	struct pid *pid = find_pid_ns(1, (struct pid_namespace *)ns);

	return pid ? pid_task(pid, PIDTYPE_TGID) : NULL;
}

int vk_ns_init_pid(const void *ns, unsigned char *comm)
{
	struct task_struct *init;
	int nr = 0;

	memset(comm, 0, TASK_COMM_LEN);
	rcu_read_lock();
	init = vk_ns_init(ns);
	if (init) {
		nr = task_pid_nr(init);
		strscpy(comm, init->comm, TASK_COMM_LEN);
	}
	rcu_read_unlock();
	return nr;
}

unsigned int vk_ns_tasks(const void *ns)
{
	return READ_ONCE(((const struct pid_namespace *)ns)->pid_allocated) & ~PIDNS_ADDING;
}

bool vk_ns_admin(const void *ns)
{
	return ns_capable_noaudit(((const struct pid_namespace *)ns)->user_ns, CAP_SYS_ADMIN);
}

static unsigned long long vk_pages_to_bytes(unsigned long pages)
{
	return pages >= PAGE_COUNTER_MAX ? ~0ULL : (unsigned long long)pages << PAGE_SHIFT;
}

void vk_ns_memory_max(const void *ns, unsigned long long *memory, unsigned long long *swap)
{
	struct mem_cgroup *memcg;
	struct task_struct *init;

	*memory = ~0ULL;
	*swap = ~0ULL;
	rcu_read_lock();
	init = vk_ns_init(ns);
	memcg = init ? mem_cgroup_from_task(init) : NULL;
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		*memory = min(*memory, vk_pages_to_bytes(READ_ONCE(memcg->memory.max)));
		*swap = min(*swap, vk_pages_to_bytes(READ_ONCE(memcg->swap.max)));
	}
	rcu_read_unlock();
}

const void *vk_ns_of_init(int nr)
{
	struct pid *pid = find_pid_ns(nr, &init_pid_ns);

	/* What a task has, as vk_ns_each() finds it: the pid holds its namespace. */
	if (!pid || !pid_task(pid, PIDTYPE_TGID) || !pid->level || pid->numbers[pid->level].nr != 1)
		return NULL;
	return pid->numbers[pid->level].ns;
}

struct vk_wanted {
	unsigned long long id;
	const void *found;
};

static bool vk_ns_compare(const void *ns, void *data)
{
	struct vk_wanted *wanted = data;

	if (vk_ns_id(ns) == wanted->id)
		wanted->found = ns;
	return !wanted->found;
}

const void *vk_ns_of_id(unsigned long long id)
{
	const struct pid_namespace *ns = vk_ns_look_up(id);

	if (IS_ERR(ns)) {
		struct vk_wanted wanted = { id };

		vk_ns_each(vk_ns_compare, &wanted);
		return wanted.found;
	}
	return ns && ns->level && vk_ns_init(ns) ? ns : NULL;
}

void vk_ns_each(bool (*found)(const void *ns, void *data), void *data)
{
	struct task_struct *p;

	rcu_read_lock();
	for_each_process(p) {
		struct pid *pid = task_pid(p);

		if (pid && pid->level && pid->numbers[pid->level].nr == 1 &&
		    !found(pid->numbers[pid->level].ns, data))
			break;
	}
	rcu_read_unlock();
}
