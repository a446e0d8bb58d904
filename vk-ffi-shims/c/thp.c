// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages: facts of a VMA, the host's policy, the gate and the shadows behind it.
 * The kernel's own is mm/huge_memory.c.
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/sysfs.h>
#include "vk_series.h"

DEFINE_STATIC_CALL_NULL(vk_start_stop_khugepaged, *(int (*)(void))NULL);
DEFINE_STATIC_CALL_NULL(vk_setup_per_zone_wmarks, *(void (*)(void))NULL);

static unsigned long *vk_thp_flags, *vk_orders_always, *vk_orders_madvise, *vk_orders_inherit;
static spinlock_t *vk_orders_lock;
static struct attribute **vk_hugepage_attr;
static int *vk_min_free_kbytes;

void vk_thp_bind(void)
{
	VK_BIND_CALL(vk_start_stop_khugepaged, "start_stop_khugepaged");
	VK_BIND_CALL(vk_setup_per_zone_wmarks, "setup_per_zone_wmarks");
	VK_BIND(vk_thp_flags, "transparent_hugepage_flags");
	VK_BIND(vk_orders_always, "huge_anon_orders_always");
	VK_BIND(vk_orders_madvise, "huge_anon_orders_madvise");
	VK_BIND(vk_orders_inherit, "huge_anon_orders_inherit");
	VK_BIND(vk_orders_lock, "huge_anon_orders_lock");
	VK_BIND(vk_hugepage_attr, "hugepage_attr");
	VK_BIND(vk_min_free_kbytes, "min_free_kbytes");
}

notrace bool vk_vma_is_anonymous(const void *vma)
{
	return vma_is_anonymous((struct vm_area_struct *)vma);
}

notrace bool vk_vma_is_too_small(const void *p)
{
	const struct vm_area_struct *vma = p;

	return vma_is_anonymous((struct vm_area_struct *)vma) &&
	       ALIGN(vma->vm_start, HPAGE_PMD_SIZE) + HPAGE_PMD_SIZE > vma->vm_end;
}

unsigned long vk_vma_flags(const void *vma)
{
	return ((const struct vm_area_struct *)vma)->vm_flags;
}

unsigned int vk_vma_thp_disable(const void *vma)
{
	return vk_mm_thp_disable(((const struct vm_area_struct *)vma)->vm_mm);
}

bool vk_vma_is_shmem(const void *p)
{
	const struct vm_area_struct *vma = p;

	return vma->vm_file && shmem_mapping(vma->vm_file->f_mapping);
}

bool vk_vma_is_huge_pfn(const void *p)
{
	const struct vm_area_struct *vma = p;

	return (vma->vm_flags & VM_PFNMAP) && vma->vm_ops && vma->vm_ops->huge_fault;
}

bool vk_vm_flags_hugepage(unsigned long vm_flags)
{
	return vm_flags & VM_HUGEPAGE;
}

bool vk_vm_flags_nohugepage(unsigned long vm_flags)
{
	return vm_flags & VM_NOHUGEPAGE;
}

unsigned int vk_pmd_order(void)
{
	return HPAGE_PMD_ORDER;
}

unsigned int vk_thpsize_order(const void *p)
{
	const struct kobject *kobj = p;

	return to_thpsize(kobj)->order;
}

/* Whether the gate is open, and the host's own bit behind it; under *vk_orders_lock. */
static bool vk_gate_open;
static bool vk_host_always;
/*
 * What the host's own values come to, for vk_shadow_thp_allowable_orders(): an anonymous VMA with
 * one of these flags gets PMD order. All flags for always, as no anonymous VMA is without any
 * (do_mmap() sets VM_MAYREAD and its like). Written under *vk_orders_lock by everyone who has
 * changed one of the values, after that: the last of them sees all changes.
 */
static unsigned long vk_host_vm_flags;
static int vk_min_free_before, vk_min_free_raised;

static bool vk_thp_global(unsigned int bit)
{
	return READ_ONCE(*vk_thp_flags) & (1UL << bit);
}

/* The host's mode of PMD order as huge_anon_orders_* had it without the gate. */
static bool vk_host_order_always(void)
{
	return READ_ONCE(vk_gate_open) ? READ_ONCE(vk_host_always) :
	       test_bit(HPAGE_PMD_ORDER, vk_orders_always);
}

/* The test of thp_vma_allowable_orders(), for PMD order, of the host's own values. */
static bool vk_thp_host_allows(unsigned long vm_flags)
{
	bool advised = vm_flags & VM_HUGEPAGE;

	if (vk_host_order_always())
		return true;
	if (advised && test_bit(HPAGE_PMD_ORDER, vk_orders_madvise))
		return true;
	if (!test_bit(HPAGE_PMD_ORDER, vk_orders_inherit))
		return false;
	return vk_thp_global(TRANSPARENT_HUGEPAGE_FLAG) ||
	       (advised && vk_thp_global(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG));
}

/* Under *vk_orders_lock. */
static void vk_host_vm_flags_update(void)
{
	unsigned long vm_flags = 0;

	if (vk_thp_host_allows(0))
		vm_flags = ~0UL;
	else if (vk_thp_host_allows(VM_HUGEPAGE))
		vm_flags = VM_HUGEPAGE;
	WRITE_ONCE(vk_host_vm_flags, vm_flags);
}

bool vk_thp_unsupported(void)
{
	return VK_READ(vk_thp_flags) & (1UL << TRANSPARENT_HUGEPAGE_UNSUPPORTED);
}

unsigned int vk_thp_host_enabled(void)
{
	/* Where the feature is refused nothing is known, and nobody acts on the answer. */
	if (!vk_thp_flags || !vk_orders_always || !vk_orders_madvise || !vk_orders_inherit)
		return 2;
	if (vk_thp_host_allows(0))
		return 0;
	return vk_thp_host_allows(VM_HUGEPAGE) ? 1 : 2;
}

bool vk_thp_gate_is_open(void)
{
	return READ_ONCE(vk_gate_open);
}

/* ---- Shadows: the host's own policy while the gate is open ---- */

static notrace unsigned long vk_shadow_thp_allowable_orders(struct vm_area_struct *vma,
							    unsigned long vm_flags,
							    vk_tva_t type, unsigned long orders)
{
	if ((unsigned int)type != VK_TVA_FORCED_COLLAPSE && vma_is_anonymous(vma) &&
	    !(vm_flags & READ_ONCE(vk_host_vm_flags))) {
		orders &= ~BIT(HPAGE_PMD_ORDER);
		if (!orders)
			return 0;
	}
	return static_call(vk_original_thp_allowable_orders)(vma, vm_flags, type, orders);
}

/* The original, and what follows from its change before the writer returns. It sleeps. */
static notrace long vk_shadow_thp_enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
						const char *buf, unsigned long count)
{
	int slot = vk_flight_enter(vk_hook_thp_enabled_store.id);
	long ret = static_call(vk_original_thp_enabled_store)(kobj, attr, buf, count);

	spin_lock(vk_orders_lock);
	vk_host_vm_flags_update();
	spin_unlock(vk_orders_lock);
	vk_flight_leave(vk_hook_thp_enabled_store.id, slot);
	return ret;
}

static notrace long vk_shadow_anon_enabled_show(struct kobject *kobj, struct kobj_attribute *attr,
						char *buf)
{
	const char *text;

	if (vk_thpsize_order(kobj) != HPAGE_PMD_ORDER)
		return static_call(vk_original_anon_enabled_show)(kobj, attr, buf);
	if (vk_host_order_always())
		text = "[always] inherit madvise never";
	else if (test_bit(HPAGE_PMD_ORDER, vk_orders_inherit))
		text = "always [inherit] madvise never";
	else if (test_bit(HPAGE_PMD_ORDER, vk_orders_madvise))
		text = "always inherit [madvise] never";
	else
		text = "always inherit madvise [never]";
	return sysfs_emit(buf, "%s\n", text);
}

/* As anon_enabled_store() and set_anon_enabled_mode(), with vk_host_always for the open bit. */
static notrace long vk_shadow_anon_enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
						 const char *buf, unsigned long count)
{
	static const char *const modes[] = { "always", "inherit", "madvise", "never" };
	int mode, err, slot;

	if (vk_thpsize_order(kobj) != HPAGE_PMD_ORDER)
		return static_call(vk_original_anon_enabled_store)(kobj, attr, buf, count);
	mode = sysfs_match_string(modes, buf);
	if (mode < 0)
		return -EINVAL;

	spin_lock(vk_orders_lock);
	vk_host_always = mode == 0;
	if (!vk_gate_open)
		__assign_bit(HPAGE_PMD_ORDER, vk_orders_always, mode == 0);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_inherit, mode == 1);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_madvise, mode == 2);
	vk_host_vm_flags_update();
	spin_unlock(vk_orders_lock);
	slot = vk_flight_enter(vk_hook_anon_enabled_store.id);
	err = static_call(vk_start_stop_khugepaged)();
	vk_flight_leave(vk_hook_anon_enabled_store.id, slot);
	return err ? err : (long)count;
}

/*
 * The gate.
 *
 * 1. The hooks of the feature are armed and verified (the caller's duty).
 * 2. The host's writes are switched to the shadows, which keep vk_host_vm_flags. RCU-tasks: a
 *    write that is in an original already has changed its value before it sleeps.
 * 3. vk_host_vm_flags is right from now on, and the host's faults are switched to the shadow.
 * 4. The bit is set under the kernel's lock for it, the host's own bit kept aside.
 * 5. khugepaged is started, as the kernel does after a store.
 */
int vk_thp_gate_open(void)
{
	int err;

	if (vk_gate_open)
		return 0;
	if (vk_hook_thp_allowable_orders.state != VK_STATE_ARMED ||
	    vk_hook_thp_enabled_store.state != VK_STATE_ARMED ||
	    vk_hook_anon_enabled_show.state != VK_STATE_ARMED ||
	    vk_hook_anon_enabled_store.state != VK_STATE_ARMED)
		return -ENODEV;

	static_call_update(vk_host_thp_enabled_store, vk_shadow_thp_enabled_store);
	static_call_update(vk_host_anon_enabled_store, vk_shadow_anon_enabled_store);
	synchronize_rcu_tasks();
	spin_lock(vk_orders_lock);
	vk_host_vm_flags_update();
	spin_unlock(vk_orders_lock);
	static_call_update(vk_host_thp_allowable_orders, vk_shadow_thp_allowable_orders);
	static_call_update(vk_host_anon_enabled_show, vk_shadow_anon_enabled_show);

	vk_min_free_before = READ_ONCE(*vk_min_free_kbytes);
	spin_lock(vk_orders_lock);
	vk_host_always = test_bit(HPAGE_PMD_ORDER, vk_orders_always);
	WRITE_ONCE(vk_gate_open, true);
	__set_bit(HPAGE_PMD_ORDER, vk_orders_always);
	spin_unlock(vk_orders_lock);

	err = static_call(vk_start_stop_khugepaged)();
	vk_min_free_raised = READ_ONCE(*vk_min_free_kbytes);
	if (err)
		vk_thp_gate_close();
	return err;
}

/* Whether the host's own settings keep huge pages on, so that its min_free_kbytes stays raised. */
static bool vk_thp_host_uses_huge_pages(void)
{
	return vk_thp_global(TRANSPARENT_HUGEPAGE_FLAG) ||
	       vk_thp_global(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG) ||
	       READ_ONCE(*vk_orders_always) || READ_ONCE(*vk_orders_madvise);
}

/* min_free_kbytes is what it was before the gate was opened, unless somebody set it meanwhile. */
static void vk_min_free_restore(void)
{
	if (READ_ONCE(*vk_min_free_kbytes) != vk_min_free_raised ||
	    vk_min_free_raised == vk_min_free_before || vk_thp_host_uses_huge_pages())
		return;
	WRITE_ONCE(*vk_min_free_kbytes, vk_min_free_before);
	static_call(vk_setup_per_zone_wmarks)();
}

/*
 * 1. The host's own bit is put back under the lock.
 * 2. khugepaged is stopped if nobody needs it, as the kernel does after a store. Before anybody
 *    waits for RCU-tasks: with no size enabled it goes round without a pause until it is told to
 *    stop, and RCU-tasks waits until each task has slept.
 * 3. RCU-tasks: a task preempted between the inline gate and the call must still find the hook.
 * 4. The stubs lead the host to the original again, its faults before its writes.
 */
int vk_thp_gate_close(void)
{
	int err;

	if (!vk_gate_open)
		return 0;
	spin_lock(vk_orders_lock);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_always, vk_host_always);
	WRITE_ONCE(vk_gate_open, false);
	spin_unlock(vk_orders_lock);

	err = static_call(vk_start_stop_khugepaged)();
	vk_min_free_restore();

	synchronize_rcu_tasks();
	VK_HOST_TO_ORIGINAL(thp_allowable_orders);
	VK_HOST_TO_ORIGINAL(anon_enabled_show);
	VK_HOST_TO_ORIGINAL(anon_enabled_store);
	VK_HOST_TO_ORIGINAL(thp_enabled_store);
	return err;
}

/* ---- How hard an allocation tries: vma_thp_gfp_mask() ---- */

unsigned int vk_thp_host_defrag(void)
{
	static const unsigned int flags[] = {
		TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG,
		TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_FLAG,
		TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_OR_MADV_FLAG,
		TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG,
	};
	unsigned int mode;

	for (mode = 0; vk_thp_flags && mode < ARRAY_SIZE(flags); mode++)
		if (vk_thp_global(flags[mode]))
			return mode;
	return ARRAY_SIZE(flags);
}

static_assert((GFP_TRANSHUGE & ~GFP_TRANSHUGE_LIGHT) == __GFP_DIRECT_RECLAIM);
static_assert(!(GFP_TRANSHUGE_LIGHT & (__GFP_RECLAIM | __GFP_NORETRY)));

void vk_thp_gfp_bits(unsigned int *transhuge_light, unsigned int *direct_reclaim,
		     unsigned int *kswapd_reclaim, unsigned int *noretry)
{
	*transhuge_light = (__force unsigned int)GFP_TRANSHUGE_LIGHT;
	*direct_reclaim = (__force unsigned int)__GFP_DIRECT_RECLAIM;
	*kswapd_reclaim = (__force unsigned int)__GFP_KSWAPD_RECLAIM;
	*noretry = (__force unsigned int)__GFP_NORETRY;
}

/* ---- Its files ---- */

/* enabled_show, defrag_show and their like are not unique names: taken from the attribute itself. */
static struct kobj_attribute *vk_thp_attr(const char *name)
{
	struct attribute **a;

	for (a = vk_hugepage_attr; a && *a; a++)
		if (!strcmp((*a)->name, name))
			return container_of(*a, struct kobj_attribute, attr);
	return NULL;
}

static unsigned long vk_thp_attr_show(const char *name)
{
	struct kobj_attribute *attr = vk_thp_attr(name);

	return attr ? (unsigned long)attr->show : 0;
}

static unsigned long vk_thp_attr_store(const char *name)
{
	struct kobj_attribute *attr = vk_thp_attr(name);

	return attr ? (unsigned long)attr->store : 0;
}

unsigned long vk_find_thp_enabled_show(void)
{
	return vk_thp_attr_show("enabled");
}

unsigned long vk_find_thp_enabled_store(void)
{
	return vk_thp_attr_store("enabled");
}

unsigned long vk_find_thp_defrag_show(void)
{
	return vk_thp_attr_show("defrag");
}

unsigned long vk_find_thp_defrag_store(void)
{
	return vk_thp_attr_store("defrag");
}
