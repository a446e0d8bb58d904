// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 6.12: everything that depends on this series' structures and functions.
 *
 * Its ftrace writes calls, no jumps: a stub would have to drop the return address, and the
 * original could not be reached by a jump. So no hook is planned and every feature is refused;
 * what needs no hook works.
 */
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_series.h"
#define VK_HOOK_STUB(name) NULL
#include "vk_stub.h"

/* ---- Layout: what the handlers take for granted ---- */

static_assert(IS_ENABLED(CONFIG_MEMCG));
static_assert(IS_ENABLED(CONFIG_PER_VMA_LOCK));
static_assert(!IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_JMP));

/* ---- Kernel symbols ---- */

struct vk_symbol vk_symbols[] = {
	{ "wake_up_new_task", .feature = VK_FEATURE_LIFECYCLE },
	{ "delayed_free_pidns", .feature = VK_FEATURE_LIFECYCLE },
	{ "overcommit_policy_handler", .feature = VK_FEATURE_SYSCTL },
	{ "overcommit_ratio_handler", .feature = VK_FEATURE_SYSCTL },
	{ "overcommit_kbytes_handler", .feature = VK_FEATURE_SYSCTL },
	{ "sysctl_overcommit_memory", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_ratio", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_admin_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_user_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as_batch", .feature = VK_FEATURE_OVERCOMMIT },
	{ "total_swap_pages", .feature = VK_FEATURE_OVERCOMMIT },
	{ "hugetlb_total_pages", .feature = VK_FEATURE_OVERCOMMIT },
	{ "__vm_enough_memory", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_commit_limit", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_memory_committed", .feature = VK_FEATURE_OVERCOMMIT },
	{ "transparent_hugepage_flags", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_always", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_madvise", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_inherit", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_lock", .feature = VK_FEATURE_THP },
	{ "hugepage_attr", .feature = VK_FEATURE_THP },
	{ "start_stop_khugepaged", .feature = VK_FEATURE_THP },
	{ "min_free_kbytes", .feature = VK_FEATURE_THP },
	{ "setup_per_zone_wmarks", .feature = VK_FEATURE_THP },
	{ "__thp_vma_allowable_orders", .feature = VK_FEATURE_THP },
	{ "anon_enabled_show", .feature = VK_FEATURE_THP },
	{ "anon_enabled_store", .feature = VK_FEATURE_THP },
	/* What tells this kernel from another: c/build.c. */
	{ "__start_notes", .feature = VK_FEATURES },
	{ "__stop_notes", .feature = VK_FEATURES },
	{ "__start_BTF", .feature = VK_FEATURES },
	{ "__stop_BTF", .feature = VK_FEATURES },
	{ }
};

/* Structures whose fields are read or written here and in the files that the series share. */
const char *const vk_structs[] = {
	"struct task_struct", "struct signal_struct", "struct pid", "struct upid",
	"struct pid_namespace", "struct ns_common", "struct mm_struct", "struct vm_area_struct",
	"struct vm_operations_struct", "struct maple_tree", "struct ma_state", "struct rw_semaphore",
	"struct seqcount", "struct percpu_counter", "struct mem_cgroup", "struct page_counter",
	"struct file", "struct thpsize", "struct kobj_attribute", "struct attribute",
	"struct ctl_table", "struct callback_head",
	NULL
};

/* ---- Sites: none ---- */

unsigned long vk_function_site(unsigned long function)
{
	return 0;
}

const char *vk_site_refusal(void)
{
	return "direct jumps by ftrace need Linux 7.x";
}

int vk_site_divert(struct vk_hook *h)
{
	return -EOPNOTSUPP;
}

int vk_site_restore(struct vk_hook *h)
{
	return -EOPNOTSUPP;
}

/* ---- Namespaces ---- */

/* This series numbers namespaces by inode only, and those come again: no id. */
unsigned long long vk_ns_id(const void *ns)
{
	return 0;
}

/* ---- The hooks ---- */

VK_HOOKED(int, overcommit_policy_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, overcommit_ratio_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, overcommit_kbytes_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, vm_enough_memory, (const void *mm, long pages, int cap_sys_admin),
	  (mm, pages, cap_sys_admin))
VK_HOOKED(unsigned long, vm_commit_limit, (void), ())
VK_HOOKED(unsigned long, vm_memory_committed, (void), ())
VK_HOOKED(unsigned long, thp_allowable_orders,
	  (const void *vma, unsigned long vm_flags, int type, unsigned long orders),
	  (vma, vm_flags, type, orders))
VK_HOOKED(long, thp_enabled_show, (const void *kobj, const void *attr, void *buf),
	  (kobj, attr, buf))
VK_HOOKED(long, thp_enabled_store,
	  (const void *kobj, const void *attr, const void *buf, unsigned long count),
	  (kobj, attr, buf, count))
VK_HOOKED(long, anon_enabled_show, (const void *kobj, const void *attr, void *buf),
	  (kobj, attr, buf))
VK_HOOKED(long, anon_enabled_store,
	  (const void *kobj, const void *attr, const void *buf, unsigned long count),
	  (kobj, attr, buf, count))

/* The two that run before the original and have no answer of their own. */
DEFINE_STATIC_CALL_NULL(vk_original_wake_up_new_task, vk_before_wake_up_new_task);
DEFINE_STATIC_CALL_NULL(vk_host_wake_up_new_task, vk_before_wake_up_new_task);
DEFINE_STATIC_CALL_NULL(vk_original_delayed_free_pidns, vk_before_delayed_free_pidns);
DEFINE_STATIC_CALL_NULL(vk_host_delayed_free_pidns, vk_before_delayed_free_pidns);

/* ---- Transparent huge pages: flags where later series have an enum ---- */

DEFINE_STATIC_CALL_NULL(vk_thp_allowable_orders_by_flags,
			*(unsigned long (*)(const void *, unsigned long, unsigned long,
					    unsigned long))NULL);

static unsigned long vk_tva_flags(int type)
{
	switch (type) {
	case VK_TVA_SMAPS:
		return TVA_SMAPS | TVA_ENFORCE_SYSFS;
	case VK_TVA_PAGEFAULT:
		return TVA_IN_PF | TVA_ENFORCE_SYSFS;
	case VK_TVA_KHUGEPAGED:
		return TVA_ENFORCE_SYSFS;
	default:
		return 0;
	}
}

static notrace unsigned long vk_thp_allowable_orders_by_type(const void *vma,
							     unsigned long vm_flags, int type,
							     unsigned long orders)
{
	return static_call(vk_thp_allowable_orders_by_flags)(vma, vm_flags, vk_tva_flags(type),
							     orders);
}

#define VK_HOOK_MORE_wake_up_new_task
#define VK_HOOK_MORE_delayed_free_pidns
#define VK_HOOK_MORE_overcommit_policy_handler
#define VK_HOOK_MORE_overcommit_ratio_handler
#define VK_HOOK_MORE_overcommit_kbytes_handler
#define VK_HOOK_MORE_vm_enough_memory
#define VK_HOOK_MORE_vm_commit_limit
#define VK_HOOK_MORE_vm_memory_committed
#define VK_HOOK_MORE_thp_allowable_orders
#define VK_HOOK_MORE_thp_enabled_show .find = vk_find_thp_enabled_show,
#define VK_HOOK_MORE_thp_enabled_store .find = vk_find_thp_enabled_store,
#define VK_HOOK_MORE_anon_enabled_show
#define VK_HOOK_MORE_anon_enabled_store

struct vk_hook vk_hooks[VK_HOOKS] = {
	VK_HOOK_ENTRY(VK_HOOK_WAKE_UP_NEW_TASK, "wake_up_new_task", wake_up_new_task,
		      LIFECYCLE, PASS, NONE),
	VK_HOOK_ENTRY(VK_HOOK_DELAYED_FREE_PIDNS, "delayed_free_pidns", delayed_free_pidns,
		      LIFECYCLE, PASS, NONE),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_POLICY_HANDLER, "overcommit_policy_handler",
		      overcommit_policy_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_RATIO_HANDLER, "overcommit_ratio_handler",
		      overcommit_ratio_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_KBYTES_HANDLER, "overcommit_kbytes_handler",
		      overcommit_kbytes_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_VM_ENOUGH_MEMORY, "__vm_enough_memory", vm_enough_memory,
		      OVERCOMMIT, REPL, MM),
	VK_HOOK_ENTRY(VK_HOOK_VM_COMMIT_LIMIT, "vm_commit_limit", vm_commit_limit,
		      OVERCOMMIT, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_VM_MEMORY_COMMITTED, "vm_memory_committed", vm_memory_committed,
		      OVERCOMMIT, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_THP_ALLOWABLE_ORDERS, "__thp_vma_allowable_orders",
		      thp_allowable_orders, THP, SHADOW, VMA),
	VK_HOOK_ENTRY(VK_HOOK_THP_ENABLED_SHOW, "enabled_show", thp_enabled_show,
		      THP, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_THP_ENABLED_STORE, "enabled_store", thp_enabled_store,
		      THP, SHADOW, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_SHOW, "anon_enabled_show", anon_enabled_show,
		      THP, SHADOW, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_STORE, "anon_enabled_store", anon_enabled_store,
		      THP, SHADOW, CURRENT),
};

/* Without a hook the original is the function itself. */
static void vk_original_bind(struct vk_hook *h)
{
	struct vk_symbol *s = vk_symbol(h->symbol);
	unsigned long function = h->find ? h->find() : s ? s->address : 0;

	if (!function)
		return;
	__static_call_update(h->original, h->original_trampoline, (void *)function);
	__static_call_update(h->host, h->host_trampoline, (void *)function);
}

void vk_series_bind(void)
{
	unsigned int id;

	vk_overcommit_bind();
	vk_thp_bind();
	for (id = 0; id < VK_HOOKS; id++)
		if (id != VK_HOOK_THP_ALLOWABLE_ORDERS)
			vk_original_bind(&vk_hooks[id]);

	VK_BIND_CALL(vk_thp_allowable_orders_by_flags, "__thp_vma_allowable_orders");
	static_call_update(vk_original_thp_allowable_orders, vk_thp_allowable_orders_by_type);
	static_call_update(vk_host_thp_allowable_orders, vk_thp_allowable_orders_by_type);
}
