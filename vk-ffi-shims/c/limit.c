// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: what is asked before a function of the kernel that a parameter limits.
 *
 * vk_judge_NAME() is called with the arguments of NAME and answers 0, to go on with it, or what its
 * caller gets instead. None sleeps.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <linux/syslog.h>
#include <asm/syscall.h>
#include "vk_limit.h"
#include "vk_subject.h"

/* Called by the stubs alone. */
long vk_judge_mmap_region(void *file, unsigned long addr, unsigned long len);
long vk_judge_do_brk_flags(void);
long vk_judge_do_vmi_align_munmap(void *vmi, struct vm_area_struct *vma, struct mm_struct *mm,
				  unsigned long start, unsigned long end);
long vk_judge___split_vma(void *vmi, struct vm_area_struct *vma, unsigned long addr, int below,
			  unsigned long r8, unsigned long r9, unsigned long caller);
long vk_judge_check_prep_vma(void);
long vk_judge_cap_mmap_addr(unsigned long addr);
long vk_judge_alloc_pid(const struct pid_namespace *ns);
long vk_judge_security_syslog(int type);

/* For whoever uses none of these hooks. */
__weak int vk_handler_limit(unsigned int parameter, const void *ns, unsigned long long asked)
{
	return -1;
}

__weak unsigned long long vk_handler_bound(unsigned int parameter, const void *ns)
{
	return VK_UNBOUND;
}

__weak bool vk_handler_value(unsigned int parameter, const void *ns, unsigned long long *value)
{
	return false;
}

unsigned long long vk_bound(unsigned int parameter, const struct mm_struct *mm)
{
	unsigned long long bound = VK_UNBOUND;
	const void *ns;

	rcu_read_lock_sched();
	ns = vk_ns_of_mm(mm);
	if (ns)
		bound = vk_handler_bound(parameter, ns);
	rcu_read_unlock_sched();
	return bound == VK_UNBOUND ? vk_host_bound(parameter) : bound;
}

/* Whether the value of @ns, NULL for the host, forbids what would come to @asked. */
static bool vk_forbids(unsigned int parameter, const void *ns, unsigned long long asked)
{
	int forbids = ns ? vk_handler_limit(parameter, ns, asked) : -1;

	return forbids < 0 ? asked > vk_host_bound(parameter) : forbids;
}

bool vk_forbids_current(unsigned int parameter, unsigned long long asked)
{
	bool forbids;

	/* Most have no value, and a value may be stricter than it says. */
	if (vk_bound(parameter, NULL) == VK_UNBOUND)
		return false;
	rcu_read_lock();
	forbids = vk_forbids(parameter, vk_subject_current(), asked);
	rcu_read_unlock();
	return forbids;
}

bool vk_value_current(unsigned int parameter, unsigned long long *value)
{
	const void *ns;
	bool found;

	*value = vk_bound(parameter, NULL);
	if (*value == VK_UNBOUND)
		return false;
	rcu_read_lock();
	ns = vk_subject_current();
	found = ns && vk_handler_value(parameter, ns, value);
	rcu_read_unlock();
	if (!found)
		*value = vk_host_bound(parameter);
	return *value != VK_UNBOUND;
}

static bool vk_forbids_mm(unsigned int parameter, const struct mm_struct *mm,
			  unsigned long long asked)
{
	bool forbids;

	rcu_read_lock();
	forbids = vk_forbids(parameter, vk_subject_mm(mm), asked);
	rcu_read_unlock();
	return forbids;
}

/* ---- vm.max_map_count: mm/vma.c, mm/mremap.c; all under the mmap lock, for writing ---- */

/* Whether @mm may have so many more than it has now, VK_MAPS_MORE or less. */
static long vk_may_map(const struct mm_struct *mm, int more)
{
	unsigned long long asked = mm->map_count + more;

	if (likely(asked <= vk_bound(VK_PARAMETER_MAX_MAP_COUNT, mm)))
		return 0;
	return vk_forbids_mm(VK_PARAMETER_MAX_MAP_COUNT, mm, asked) ? -ENOMEM : 0;
}

/*
 * Of do_mmap(), its only caller, which tests `map_count > max` before; in the middle of a mapping
 * that goes, vms_gather_munmap_vmas() tests `map_count >= max` after.
 */
long vk_judge_mmap_region(void *file, unsigned long addr, unsigned long len)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	long err;

	if (likely(!vk_may_map(mm, 1)))
		return 0;
	err = vk_may_map(mm, 0);
	if (err)
		return err;
	vma = find_vma_intersection(mm, addr, addr + len);
	return vma && vma->vm_start < addr && vma->vm_end > addr + len ? -ENOMEM : 0;
}

/* Tests `map_count > max` itself. */
long vk_judge_do_brk_flags(void)
{
	return vk_may_map(current->mm, 0);
}

/* vms_gather_munmap_vmas(), its callee, tests `map_count >= max` when the range is in the middle. */
long vk_judge_do_vmi_align_munmap(void *vmi, struct vm_area_struct *vma, struct mm_struct *mm,
				  unsigned long start, unsigned long end)
{
	if (start <= vma->vm_start || end >= vma->vm_end)
		return 0;
	return vk_may_map(mm, 1);
}

static unsigned long vk_gather, vk_gather_end, vk_return_to_handler;

void vk_limit_bind(void)
{
	struct vk_symbol *gather = vk_symbol("vms_gather_munmap_vmas");
	struct vk_symbol *handler = vk_symbol("return_to_handler");

	vk_gather = gather ? gather->address : 0;
	vk_gather_end = gather ? gather->end : 0;
	vk_return_to_handler = handler ? handler->address : 0;
	vk_pipe_bind();
	vk_mount_bind();
}

/*
 * split_vma(), which is inlined into vma_modify(), tests `map_count >= max` and calls this; who
 * unmaps, in vms_gather_munmap_vmas(), calls it without. They are told apart by where this returns
 * to. While the function graph tracer is on this function, nobody knows, and nobody is refused.
 */
long vk_judge___split_vma(void *vmi, struct vm_area_struct *vma, unsigned long addr, int below,
			  unsigned long r8, unsigned long r9, unsigned long caller)
{
	if ((caller >= vk_gather && caller < vk_gather_end) || caller == vk_return_to_handler)
		return 0;
	return vk_may_map(vma->vm_mm, 1);
}

/*
 * do_mremap() tests `map_count + 4 <= max`, one more to keep the old mapping, before it first calls
 * this; and prep_move_vma() `map_count + 2 <= max`. Here it is the first for each mapping moved.
 */
long vk_judge_check_prep_vma(void)
{
	unsigned long args[6];

	syscall_get_arguments(current, current_pt_regs(), args);
	return vk_may_map(current->mm, args[3] & MREMAP_DONTUNMAP ? VK_MAPS_MORE : 4);
}

/* ---- vm.mmap_min_addr ---- */

/*
 * Of security/commoncap.c; under the mmap lock of current, which asks for @addr. The original goes
 * on to compare with the host's floor.
 */
long vk_judge_cap_mmap_addr(unsigned long addr)
{
	unsigned long long floor = vk_bound(VK_PARAMETER_MMAP_MIN_ADDR, NULL);

	if (likely(addr >= floor || floor == VK_UNBOUND))
		return 0;
	if (!vk_forbids_current(VK_PARAMETER_MMAP_MIN_ADDR, addr) || capable(CAP_SYS_RAWIO))
		return 0;
	return -EPERM;
}

/* ---- kernel.threads-max ---- */

/*
 * Of kernel/pid.c: copy_process() is about to make a task in @ns. How many there are is looked up
 * where the value is: the answer does not depend on the last argument.
 */
long vk_judge_alloc_pid(const struct pid_namespace *ns)
{
	bool forbids;

	rcu_read_lock();
	forbids = vk_forbids(VK_PARAMETER_THREADS_MAX, ns, 0);
	rcu_read_unlock();
	return forbids ? -EAGAIN : 0;
}

/* ---- kernel.dmesg_restrict ---- */

/*
 * security_syslog(), of security/security.c, the last that check_syslog_permissions() of
 * kernel/printk/printk.c asks. Without dmesg_restrict that lets everybody do two things; whatever
 * else comes here was allowed by a capability, or when /proc/kmsg was opened.
 */
long vk_judge_security_syslog(int type)
{
	if (type != SYSLOG_ACTION_READ_ALL && type != SYSLOG_ACTION_SIZE_BUFFER)
		return 0;
	if (!vk_forbids_current(VK_PARAMETER_DMESG_RESTRICT, 0) || capable(CAP_SYSLOG))
		return 0;
	return -EPERM;
}
