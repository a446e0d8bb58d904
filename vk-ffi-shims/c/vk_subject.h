/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose policy a decision is about, inline: NULL is the host. Under RCU, also that of the scheduler. */
#ifndef VK_SUBJECT_H
#define VK_SUBJECT_H

#include <linux/mm_types.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

/* Inline, unlike task_active_pid_ns(). The level of a pid is that of its namespace. */
static __always_inline const void *vk_ns_of_task(struct task_struct *task)
{
	struct pid *pid = task_pid(task);

	return pid && pid->level ? ns_of_pid(pid) : NULL;
}

static __always_inline const void *vk_ns_of_current(void)
{
	return current->flags & PF_KTHREAD ? NULL : vk_ns_of_task(current);
}

static __always_inline const void *vk_ns_of_mm(const struct mm_struct *mm)
{
	struct task_struct *owner;

	if (!mm || (current->mm == mm && !(current->flags & PF_KTHREAD)))
		return vk_ns_of_current();
	/* khugepaged, remote access, kthread_use_mm(): the owner's, and the host's without one. */
	owner = rcu_dereference_check(mm->owner, rcu_read_lock_sched_held());
	return owner ? vk_ns_of_task(owner) : NULL;
}

#endif
