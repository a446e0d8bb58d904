// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 6.12: everything that depends on this series' structures and functions.
 *
 * Its ftrace writes calls, no jumps: a stub would have to drop the return address, and the
 * original could not be reached by a jump. So no hook is planned and every feature is refused;
 * what needs no hook works.
 */
#include <linux/fdtable.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pid_namespace.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/security.h>
#include <linux/sysctl.h>
#include "vk_series.h"
#define VK_HOOK_STUB(name) NULL
#define VK_HANDLERS_OPTIONAL
#include "vk_hooks.h"

/* ---- Layout: what the handlers take for granted ---- */

static_assert(IS_ENABLED(CONFIG_MEMCG));
static_assert(IS_ENABLED(CONFIG_PER_VMA_LOCK));
static_assert(!IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_JMP));

/* ---- Kernel symbols, but for the hooked functions ---- */

struct vk_symbol vk_symbols[] = {
	{ "sysctl_overcommit_memory", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_ratio", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_admin_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_user_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as_batch", .feature = VK_FEATURE_OVERCOMMIT },
	{ "total_swap_pages", .feature = VK_FEATURE_OVERCOMMIT },
	{ "hugetlb_total_pages", .feature = VK_FEATURE_OVERCOMMIT },
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
	{ "vma_is_anon_shmem", .feature = VK_FEATURE_THP_SHMEM },
	{ "huge_shmem_orders_always", .feature = VK_FEATURE_THP_SHMEM },
	{ "huge_shmem_orders_inherit", .feature = VK_FEATURE_THP_SHMEM },
	{ "huge_shmem_orders_within_size", .feature = VK_FEATURE_THP_SHMEM },
	{ "huge_shmem_orders_madvise", .feature = VK_FEATURE_THP_SHMEM },
	{ "shmem_huge", .feature = VK_FEATURE_THP_SHMEM },
	{ "shm_mnt", .feature = VK_FEATURE_THP_SHMEM },
	{ "mm_kobj", .feature = VK_FEATURE_PROTECTION },
	{ "sysctl_max_map_count", .feature = VK_FEATURE_MAPS },
	{ "vms_gather_munmap_vmas", .feature = VK_FEATURE_MAPS },
	{ "return_to_handler", .feature = VK_FEATURE_MAPS },
	{ "dac_mmap_min_addr", .feature = VK_FEATURE_MIN_ADDR },
	{ "sysctl_nr_open", .feature = VK_FEATURE_DESCRIPTORS },
	{ "pipe_max_size", .feature = VK_FEATURE_PIPES },
	{ "pipe_user_pages_hard", .feature = VK_FEATURE_PIPES },
	{ "pipe_user_pages_soft", .feature = VK_FEATURE_PIPES },
	{ "get_pipe_info", .feature = VK_FEATURE_PIPES },
	{ "pipe_resize_ring", .feature = VK_FEATURE_PIPES },
	{ "account_pipe_buffers", .feature = VK_FEATURE_PIPES },
	{ "free_pipe_info", .feature = VK_FEATURE_PIPES },
	{ "sysctl_mount_max", .feature = VK_FEATURE_MOUNTS },
	{ "max_threads", .feature = VK_FEATURE_THREADS },
	{ "dmesg_restrict", .feature = VK_FEATURE_LOG },
	{ "files_stat", .feature = VK_FEATURE_FILES },
	{ }
};

/* Structures whose fields are read or written here and in the files that the series share. */
const char *const vk_structs[] = {
	"struct task_struct", "struct signal_struct", "struct pid", "struct upid",
	"struct pid_namespace", "struct ns_common", "struct mm_struct", "struct vm_area_struct",
	"struct vm_operations_struct", "struct maple_tree", "struct ma_state", "struct rw_semaphore",
	"struct seqcount", "struct percpu_counter", "struct mem_cgroup", "struct page_counter",
	"struct file", "struct files_stat_struct", "struct thpsize", "struct kobj_attribute", "struct attribute",
	"struct ctl_table", "struct callback_head", "struct css_set", "struct cgroup_subsys_state",
	"struct cgroup", "struct kernfs_node", "struct folio", "struct tracepoint",
	"struct inode", "struct super_block", "struct vfsmount", "struct shmem_sb_info",
	"struct vm_fault",
	"struct kobject", "struct kernfs_open_file", "struct files_struct", "struct fdtable",
	"struct rlimit", "struct pipe_inode_info", "struct user_struct", "struct inode",
	NULL
};

static unsigned long vk_find_thp_allowable_orders(void)
{
	struct vk_symbol *s = vk_symbol("__thp_vma_allowable_orders");

	return s ? s->address : 0;
}

/* ---- What a program said of its memory ---- */

unsigned int vk_mm_thp_disable(const struct mm_struct *mm)
{
	return test_bit(MMF_DISABLE_THP, &mm->flags);
}

/* Private to mm/khugepaged.c; c/vote.c looks at its first byte. */
struct collapse_control;
/* ---- Files of sysfs ---- */

/* sysfs_file_kobj(); the node is active, so its parent stays. */
const void *vk_sysfs_kobj(const void *p)
{
	const struct kernfs_node *kn = p;
	const void *kobj;

	rcu_read_lock();
	kobj = kn->parent->priv;
	rcu_read_unlock();
	return kobj;
}

bool vk_sysfs_is_in_group(const void *p)
{
	const struct kernfs_node *kn = p;
	const struct kobject *kobj = vk_sysfs_kobj(kn);

	return kn->parent != kobj->sd;
}

struct vma_remap_struct;

/* What methods of many files are called with. */
#define VK_PROC_HANDLER	int, const struct ctl_table *, int, void *, size_t *, loff_t *
#define VK_SYSFS_SHOW	ssize_t, struct kobject *, struct kobj_attribute *, char *
#define VK_SYSFS_STORE	ssize_t, struct kobject *, struct kobj_attribute *, const char *, size_t

/* ---- The hooks, in the order in which a feature's go in ---- */

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_LIFECYCLE

/* The end is seen before the first insertion. */
VK_HOOK_STATIC(delayed_free_pidns, BEFORE(ANYONE), void, struct rcu_head *);
VK_HOOK(wake_up_new_task, BEFORE(TASK), void, struct task_struct *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_SYSCTL

VK_HOOK_STATIC(overcommit_policy_handler, SHADOW(PROC), VK_PROC_HANDLER);
VK_HOOK_STATIC(overcommit_ratio_handler, REPLACE(PROC), VK_PROC_HANDLER);
VK_HOOK_STATIC(overcommit_kbytes_handler, REPLACE(PROC), VK_PROC_HANDLER);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_OVERCOMMIT

VK_HOOK_AS(vm_enough_memory, __vm_enough_memory, SHADOW(MM), int,
	   struct mm_struct *, long, int);
VK_HOOK(vm_commit_limit, REPLACE(CURRENT), unsigned long);
VK_HOOK(vm_memory_committed, REPLACE(CURRENT), unsigned long);
VK_HOOK(do_mmap, PRE(MMAP), unsigned long, struct file *, unsigned long, unsigned long,
	unsigned long, unsigned long, vm_flags_t, unsigned long, unsigned long *,
	struct list_head *);
struct ipc_params;
VK_HOOK_STATIC(newseg, PRE(SEGMENT), int, struct ipc_namespace *, struct ipc_params *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP

/*
 * Those that answer for the gate first. The type of who asks is that of later series: the function
 * itself takes flags, below.
 */
VK_HOOK_ELSEWHERE(thp_allowable_orders, __thp_vma_allowable_orders, vk_find_thp_allowable_orders,
		  SHADOW(VMA), unsigned long, struct vm_area_struct *, unsigned long, vk_tva_t,
		  unsigned long);
VK_HOOK_FOUND(thp_enabled_show, enabled_show, vk_find_thp_enabled_show,
	      struct kobj_attribute, show, REPLACE(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_FOUND(thp_enabled_store, enabled_store, vk_find_thp_enabled_store,
	      struct kobj_attribute, store, SHADOW(CURRENT), VK_SYSFS_STORE);
VK_HOOK_STATIC(anon_enabled_show, SHADOW(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_STATIC(anon_enabled_store, SHADOW(CURRENT), VK_SYSFS_STORE);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_DEFRAG

VK_HOOK(vma_thp_gfp_mask, REPLACE(VMA_OR_CURRENT), gfp_t, struct vm_area_struct *);
VK_HOOK_FOUND(thp_defrag_show, defrag_show, vk_find_thp_defrag_show,
	      struct kobj_attribute, show, REPLACE(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_FOUND(thp_defrag_store, defrag_store, vk_find_thp_defrag_store,
	      struct kobj_attribute, store, REPLACE(CURRENT), VK_SYSFS_STORE);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_SHMEM

VK_HOOK(shmem_allowable_huge_orders, REPLACE(SECOND_VMA_OR_CURRENT), unsigned long,
	struct inode *, struct vm_area_struct *, pgoff_t, loff_t, bool);
VK_HOOK(shmem_get_unmapped_area, REPLACE(CURRENT), unsigned long,
	struct file *, unsigned long, unsigned long, unsigned long, unsigned long);
VK_HOOK_STATIC(shmem_enabled_show, REPLACE(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_STATIC(shmem_enabled_store, REPLACE(CURRENT), VK_SYSFS_STORE);
VK_HOOK_STATIC(thpsize_shmem_enabled_show, REPLACE(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_STATIC(thpsize_shmem_enabled_store, REPLACE(CURRENT), VK_SYSFS_STORE);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_ZERO_PAGE

VK_HOOK(do_huge_pmd_anonymous_page, SHADOW(FAULT), vm_fault_t, struct vm_fault *);
VK_HOOK_STATIC(use_zero_page_show, SHADOW(CURRENT), VK_SYSFS_SHOW);
VK_HOOK_STATIC(use_zero_page_store, SHADOW(CURRENT), VK_SYSFS_STORE);

/* collapse_huge_page() is entered with the mmap lock held here, and must give it back. */
#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_VOTE

VK_HOOK_STATIC(collapse_huge_page, ASK(ANYONE), int, struct mm_struct *, unsigned long, int, int,
	       struct collapse_control *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_VOTE_SCAN

VK_HOOK_STATIC(collapse_single_pmd, ASK(ANYONE), int, unsigned long, struct vm_area_struct *,
	       bool *, struct collapse_control *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THP_VOTE_FILE

VK_HOOK_STATIC(collapse_file, ASK(ANYONE), int, struct mm_struct *, unsigned long,
	       struct file *, pgoff_t, struct collapse_control *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_PARAMETERS

VK_HOOK(proc_dointvec_minmax, SHADOW(PROC), VK_PROC_HANDLER);
VK_HOOK(proc_douintvec_minmax, SHADOW(PROC), VK_PROC_HANDLER);
VK_HOOK(proc_doulongvec_minmax, SHADOW(PROC), VK_PROC_HANDLER);
VK_HOOK_STATIC(proc_dopipe_max_size, SHADOW(PROC), VK_PROC_HANDLER);
VK_HOOK_STATIC(sysctl_max_threads, SHADOW(PROC), VK_PROC_HANDLER);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_PERMISSION

VK_HOOK_STATIC(sysctl_perm, REPLACE(CURRENT), int, struct ctl_table_header *,
	       const struct ctl_table *, int);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_PROTECTION

VK_HOOK_STATIC(sysfs_kf_write, JUDGE(CURRENT), ssize_t, struct kernfs_open_file *, char *, size_t,
	       loff_t);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_MAPS

VK_HOOK_STATIC(mmap_region, JUDGE(MAPS), unsigned long, struct file *, unsigned long,
	       unsigned long, vm_flags_t, unsigned long, struct list_head *);
VK_HOOK_STATIC(do_brk_flags, JUDGE(MAPS), int, struct vma_iterator *, struct vm_area_struct *,
	       unsigned long, unsigned long, unsigned long);
VK_HOOK_STATIC(__split_vma, JUDGE(MAPS_VMA2), int, struct vma_iterator *, struct vm_area_struct *,
	       unsigned long, int);
VK_HOOK_STATIC(do_vmi_align_munmap, JUDGE(MAPS_MM3), int, struct vma_iterator *,
	       struct vm_area_struct *, struct mm_struct *, unsigned long, unsigned long,
	       struct list_head *, bool);
VK_HOOK_STATIC(check_prep_vma, JUDGE(MAPS), int, struct vma_remap_struct *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_MIN_ADDR

VK_HOOK(cap_mmap_addr, JUDGE(FLOOR), int, unsigned long);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_DESCRIPTORS

VK_HOOK_STATIC(expand_files, JUDGE(FILE), int, struct files_struct *, unsigned int);
VK_HOOK_STATIC(alloc_fdtable, AROUND(FILES), struct fdtable *, unsigned int);
VK_HOOK_STATIC(do_prlimit, JUDGE(RLIMIT), int, struct task_struct *, unsigned int,
	       struct rlimit *, struct rlimit *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_PIPES

VK_HOOK(alloc_pipe_info, AROUND(PIPE), struct pipe_inode_info *);
VK_HOOK(pipe_fcntl, JUDGE(POLICY), long, struct file *, unsigned int, unsigned int);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_MOUNTS

VK_HOOK_STATIC_AS(mounts, count_mounts, AROUND(POLICY), int, struct mnt_namespace *,
		  struct mount *);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_THREADS

VK_HOOK(alloc_pid, JUDGE(NS), struct pid *, struct pid_namespace *, pid_t *, size_t);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_LOG

VK_HOOK(security_syslog, JUDGE(POLICY), int, int);

#undef VK_HOOK_FEATURE
#define VK_HOOK_FEATURE VK_FEATURE_FILES

/* The end is seen before the first is counted. */
VK_HOOK(security_file_free, BEFORE(ANYONE), void, struct file *);
VK_HOOK_STATIC(alloc_empty_file, AROUND(POLICY), struct file *, int, const struct cred *);

/* ---- Transparent huge pages: flags where later series have an enum ---- */

DEFINE_STATIC_CALL_NULL(vk_thp_allowable_orders_by_flags,
			*(unsigned long (*)(const void *, unsigned long, unsigned long,
					    unsigned long))NULL);

static unsigned long vk_tva_flags(unsigned int type)
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

static notrace unsigned long vk_thp_allowable_orders_by_type(struct vm_area_struct *vma,
							     unsigned long vm_flags,
							     unsigned int type,
							     unsigned long orders)
{
	return static_call(vk_thp_allowable_orders_by_flags)(vma, vm_flags, vk_tva_flags(type),
							     orders);
}

/* Without a hook the original is the function itself. */
static void vk_original_bind(struct vk_hook *h)
{
	const struct vk_symbol *s = &h->by_name;
	unsigned long function = s->matches == 1 && !s->sibling ? s->address : 0;

	if (h->find)
		function = h->find();
	if (!function)
		return;
	__static_call_update(h->original, h->original_trampoline, (void *)function);
	__static_call_update(h->host, h->host_trampoline, (void *)function);
}

void vk_series_bind(void)
{
	struct vk_hook *h;
	unsigned int id;

	vk_overcommit_bind();
	vk_thp_bind();
	vk_shmem_bind();
	vk_zero_page_bind();
	vk_vote_bind();
	vk_parameter_bind();
	vk_limit_bind();
	vk_each_hook(h, id)
		if (h != &vk_hook_thp_allowable_orders)
			vk_original_bind(h);

	VK_BIND_CALL(vk_thp_allowable_orders_by_flags, "__thp_vma_allowable_orders");
	static_call_update(vk_original_thp_allowable_orders, vk_thp_allowable_orders_by_type);
	static_call_update(vk_host_thp_allowable_orders, vk_thp_allowable_orders_by_type);
}
