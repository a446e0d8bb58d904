// SPDX-License-Identifier: GPL-2.0-only
/*
 * Birth and end of a pid namespace, as its hooks see them.
 */
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_series.h"

/*
 * Before wake_up_new_task(): @task has its final cgroup, mm and credentials, but has not run
 * one instruction. Process context of the parent, may sleep. The first number of a namespace
 * may come again after a failed fork, so birth is idempotent.
 */
notrace void vk_before_wake_up_new_task(struct task_struct *task)
{
	struct pid *pid = task_pid(task);
	int slot;

	if (pid->numbers[pid->level].nr != 1)
		return;
	slot = vk_flight_enter(vk_hook_wake_up_new_task.id);
	vk_handler_birth(pid->numbers[pid->level].ns);
	vk_place(task);
	vk_flight_leave(vk_hook_wake_up_new_task.id, slot);
}

/* Before delayed_free_pidns(): an RCU callback, nothing may sleep. Once per namespace. */
notrace void vk_before_delayed_free_pidns(struct rcu_head *rcu)
{
	const struct pid_namespace *ns = container_of(rcu, struct pid_namespace, rcu);

	vk_files_end(ns);
	vk_handler_end(ns);
}
