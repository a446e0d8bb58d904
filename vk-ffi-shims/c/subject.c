// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose policy a decision is about: the active pid namespace of a task, of an mm's owner.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/mm_types.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include "vk_hook.h"
#include "vk_subject.h"

static __always_inline const void *vk_ns_of_vma(const struct vm_area_struct *vma)
{
	return vma && vma->vm_mm ? vk_ns_of_mm(vma->vm_mm) : NULL;
}

const void *vk_subject_current(void)
{
	return vk_ns_of_current();
}

const void *vk_subject_mm(const void *mm)
{
	return vk_ns_of_mm(mm);
}

const void *vk_subject_vma(const void *vma)
{
	return vk_ns_of_vma(vma);
}

/* ---- Subject and read side in one call ---- */

notrace const void *vk_brief_enter_mm(const void *mm)
{
	rcu_read_lock_sched();
	return vk_ns_of_mm(mm);
}

notrace const void *vk_brief_enter_vma(const void *vma)
{
	rcu_read_lock_sched();
	return vk_ns_of_vma(vma);
}

notrace void vk_brief_leave(void)
{
	rcu_read_unlock_sched();
}

/* ---- Trees with a policy ---- */

atomic_t vk_tree_marks[1 << VK_TREE_BITS];
/* The stubs compare 32 bits, and multiply by the ratio themselves. */
static_assert(sizeof(atomic_t) == 4);

unsigned int vk_ns_tree(const void *p)
{
	const struct pid_namespace *ns = p;

	while (ns->level > 1)
		ns = ns->parent;
	return hash_64_generic((unsigned long)ns, VK_TREE_BITS);
}

void vk_tree_mark(unsigned int tree)
{
	atomic_inc(&vk_tree_marks[tree]);
}

void vk_tree_unmark(unsigned int tree)
{
	atomic_dec(&vk_tree_marks[tree]);
}

long vk_mm_total_pages(const void *mm)
{
	return READ_ONCE(((const struct mm_struct *)mm)->total_vm);
}
