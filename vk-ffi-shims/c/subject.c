// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose policy a decision is about: the active pid namespace of a task, of an mm's owner.
 */
#include <linux/mm_types.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_shims.h"

static const void *vk_ns_or_host(struct pid_namespace *ns)
{
	return ns && ns->level ? ns : NULL;
}

const void *vk_subject_current(void)
{
	if (current->flags & PF_KTHREAD)
		return NULL;
	return vk_ns_or_host(task_active_pid_ns(current));
}

const void *vk_subject_mm(const void *p)
{
	const struct mm_struct *mm = p;
	struct task_struct *owner;

	if (!mm || (current->mm == mm && !(current->flags & PF_KTHREAD)))
		return vk_subject_current();
	/* khugepaged, remote access, kthread_use_mm(): the owner's, and the host's without one. */
	owner = rcu_dereference(mm->owner);
	return owner ? vk_ns_or_host(task_active_pid_ns(owner)) : NULL;
}

const void *vk_subject_vma(const void *vma)
{
	const struct mm_struct *mm = vma ? ((const struct vm_area_struct *)vma)->vm_mm : NULL;

	return mm ? vk_subject_mm(mm) : NULL;
}
