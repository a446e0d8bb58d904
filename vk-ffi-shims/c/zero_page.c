// SPDX-License-Identifier: GPL-2.0-only
/*
 * The huge zero page: who gets it at a read fault. The kernel's own is
 * do_huge_pmd_anonymous_page() of mm/huge_memory.c, which asks one flag for everybody.
 *
 * Who shall have less than the flag says is served as by a write. For who shall have more, the
 * flag is raised, and the host is served by its own value, which is kept here meanwhile.
 */
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/userfaultfd_k.h>
#include "vk_series.h"

static unsigned long *vk_zero_flags;
/* Whether the flag is raised, and the host's own value then; changed under the lock. */
static DEFINE_SPINLOCK(vk_zero_lock);
static bool vk_zero_raised;
static bool vk_zero_of_host;

void vk_zero_page_bind(void)
{
	VK_BIND(vk_zero_flags, "transparent_hugepage_flags");
}

static bool vk_zero_flag(void)
{
	return VK_READ(vk_zero_flags) & (1UL << TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG);
}

bool vk_zero_page_host(void)
{
	return READ_ONCE(vk_zero_raised) ? READ_ONCE(vk_zero_of_host) : vk_zero_flag();
}

const void *vk_fault_vma(const void *fault)
{
	return ((const struct vm_fault *)fault)->vma;
}

/*
 * The original, with a page of its own for a read. vmf->flags is what it was afterwards: after
 * VM_FAULT_FALLBACK the caller serves the fault by base pages. A fault that goes to user space is
 * left alone, since user space is told the flags; it gets no zero page in the original either.
 */
static vm_fault_t vk_fault_without_zero_page(struct vm_fault *vmf)
{
	bool is_read = !(vmf->flags & FAULT_FLAG_WRITE) && !userfaultfd_missing(vmf->vma);
	vm_fault_t ret;

	if (is_read)
		vmf->flags |= FAULT_FLAG_WRITE;
	ret = static_call(vk_original_do_huge_pmd_anonymous_page)(vmf);
	if (is_read)
		vmf->flags &= ~FAULT_FLAG_WRITE;
	return ret;
}

unsigned int vk_zero_page_deny(void *fault)
{
	return (__force unsigned int)vk_fault_without_zero_page(fault);
}

/* ---- Shadows: the host's own value while the flag is raised ---- */

/* The original sleeps. */
static notrace vm_fault_t vk_shadow_do_huge_pmd_anonymous_page(struct vm_fault *vmf)
{
	int slot = vk_flight_enter(vk_hook_do_huge_pmd_anonymous_page.id);
	vm_fault_t ret;

	if (READ_ONCE(vk_zero_of_host))
		ret = static_call(vk_original_do_huge_pmd_anonymous_page)(vmf);
	else
		ret = vk_fault_without_zero_page(vmf);
	vk_flight_leave(vk_hook_do_huge_pmd_anonymous_page.id, slot);
	return ret;
}

static notrace long vk_shadow_use_zero_page_show(struct kobject *kobj,
						 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", vk_zero_page_host());
}

/* As single_hugepage_flag_store(). */
static notrace long vk_shadow_use_zero_page_store(struct kobject *kobj,
						  struct kobj_attribute *attr, const char *buf,
						  unsigned long count)
{
	unsigned long value;
	int err = kstrtoul(buf, 10, &value);

	if (err)
		return err;
	if (value > 1)
		return -EINVAL;
	spin_lock(&vk_zero_lock);
	WRITE_ONCE(vk_zero_of_host, value);
	if (!vk_zero_raised)
		assign_bit(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG, vk_zero_flags, value);
	spin_unlock(&vk_zero_lock);
	return count;
}

/*
 * 1. The hooks are armed and verified (the caller's duty).
 * 2. The host's writes go to the shadow, then its faults and reads of the file. RCU-tasks: who was
 *    on the way to an original has arrived. A fault of the host that sleeps in it may still get the
 *    zero page, once.
 * 3. The flag is raised.
 */
int vk_zero_page_raise(void)
{
	if (vk_zero_raised)
		return 0;
	if (vk_hook_do_huge_pmd_anonymous_page.state != VK_STATE_ARMED ||
	    vk_hook_use_zero_page_show.state != VK_STATE_ARMED ||
	    vk_hook_use_zero_page_store.state != VK_STATE_ARMED)
		return -ENODEV;

	static_call_update(vk_host_use_zero_page_store, vk_shadow_use_zero_page_store);
	synchronize_rcu_tasks();
	spin_lock(&vk_zero_lock);
	WRITE_ONCE(vk_zero_of_host, vk_zero_flag());
	spin_unlock(&vk_zero_lock);
	static_call_update(vk_host_do_huge_pmd_anonymous_page,
			   vk_shadow_do_huge_pmd_anonymous_page);
	static_call_update(vk_host_use_zero_page_show, vk_shadow_use_zero_page_show);
	synchronize_rcu_tasks();
	spin_lock(&vk_zero_lock);
	WRITE_ONCE(vk_zero_raised, true);
	set_bit(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG, vk_zero_flags);
	spin_unlock(&vk_zero_lock);
	return 0;
}

/* The flag is the host's again, and only then its stubs lead to the originals. */
void vk_zero_page_lower(void)
{
	if (!vk_zero_raised)
		return;
	spin_lock(&vk_zero_lock);
	assign_bit(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG, vk_zero_flags, vk_zero_of_host);
	WRITE_ONCE(vk_zero_raised, false);
	spin_unlock(&vk_zero_lock);

	synchronize_rcu_tasks();
	VK_HOST_TO_ORIGINAL(do_huge_pmd_anonymous_page);
	VK_HOST_TO_ORIGINAL(use_zero_page_show);
	VK_HOST_TO_ORIGINAL(use_zero_page_store);
}
