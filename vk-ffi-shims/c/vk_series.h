/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between a series file and the files that the series share: those compile against each
 * series, and know its functions only by the static calls and symbols declared here.
 */
#ifndef VK_SERIES_H
#define VK_SERIES_H

#include <asm/ibt.h>
#include "vk_hook.h"

/* ---- Of the series file ---- */

/* What the shared files use of one of its hooks. The types are those of its line. */
#define VK_HOOK_DECLARE(name, ret, params...)				\
	extern struct vk_hook vk_hook_##name;				\
	ret vk_original_##name(params);					\
	DECLARE_STATIC_CALL(vk_original_##name, vk_original_##name);	\
	DECLARE_STATIC_CALL(vk_host_##name, vk_original_##name)

/* Who asks for huge pages: an enum, or where flags say it the numbers of enum vk_tva. */
#include <linux/huge_mm.h>
#ifdef TVA_SMAPS
typedef unsigned int vk_tva_t;
#else
typedef enum tva_type vk_tva_t;
#endif

/* What __vm_enough_memory() takes for an mm: const, or not yet. */
#include <linux/mm.h>
typedef typeof(__builtin_choose_expr(
	__builtin_types_compatible_p(typeof(__vm_enough_memory),
				     int (const struct mm_struct *, long, int)),
	(const struct mm_struct *)0, (struct mm_struct *)0)) vk_charged_mm_t;

struct cred;
struct ctl_table;
struct fdtable;
struct kobj_attribute;
struct file;
struct kobject;
struct mm_struct;
struct mnt_namespace;
struct mount;
struct pipe_inode_info;
struct rcu_head;
struct task_struct;
struct vm_area_struct;

/* What prctl(PR_SET_THP_DISABLE) left in an mm: 0 nothing, 1 none, 3 none unless advised. */
unsigned int vk_mm_thp_disable(const struct mm_struct *mm);

VK_HOOK_DECLARE(wake_up_new_task, void, struct task_struct *task);
VK_HOOK_DECLARE(overcommit_policy_handler, int, const struct ctl_table *table, int write,
		void *buffer, size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(vm_enough_memory, int, vk_charged_mm_t mm, long pages, int cap_sys_admin);
VK_HOOK_DECLARE(vm_commit_limit, unsigned long, void);
VK_HOOK_DECLARE(thp_allowable_orders, unsigned long, struct vm_area_struct *vma,
		unsigned long vm_flags, vk_tva_t type, unsigned long orders);
VK_HOOK_DECLARE(thp_enabled_store, long, struct kobject *kobj, struct kobj_attribute *attr,
		const char *buf, unsigned long count);
VK_HOOK_DECLARE(anon_enabled_show, long, struct kobject *kobj, struct kobj_attribute *attr,
		char *buf);
VK_HOOK_DECLARE(proc_dointvec_minmax, int, const struct ctl_table *table, int write, void *buffer,
		size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(proc_douintvec_minmax, int, const struct ctl_table *table, int write, void *buffer,
		size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(proc_doulongvec_minmax, int, const struct ctl_table *table, int write, void *buffer,
		size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(proc_dopipe_max_size, int, const struct ctl_table *table, int write, void *buffer,
		size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(sysctl_max_threads, int, const struct ctl_table *table, int write, void *buffer,
		size_t *lenp, loff_t *ppos);
VK_HOOK_DECLARE(alloc_fdtable, struct fdtable *, unsigned int slots_wanted);
VK_HOOK_DECLARE(alloc_empty_file, struct file *, int flags, const struct cred *cred);
VK_HOOK_DECLARE(alloc_pipe_info, struct pipe_inode_info *, void);
VK_HOOK_DECLARE(anon_enabled_store, long, struct kobject *kobj, struct kobj_attribute *attr,
		const char *buf, unsigned long count);

VK_HOOK_DECLARE(shmem_get_unmapped_area, unsigned long, struct file *file, unsigned long addr,
		unsigned long len, unsigned long pgoff, unsigned long flags);

VK_HOOK_DECLARE(do_huge_pmd_anonymous_page, vm_fault_t, struct vm_fault *vmf);
VK_HOOK_DECLARE(use_zero_page_show, long, struct kobject *kobj, struct kobj_attribute *attr,
		char *buf);
VK_HOOK_DECLARE(use_zero_page_store, long, struct kobject *kobj, struct kobj_attribute *attr,
		const char *buf, unsigned long count);

extern struct vk_hook vk_hook_collapse_huge_page;
extern struct vk_hook vk_hook_collapse_file;

/* What the host gets is the original again. */
#define VK_HOST_TO_ORIGINAL(name)					\
	__static_call_update(&STATIC_CALL_KEY(vk_host_##name),		\
			     STATIC_CALL_TRAMP_ADDR(vk_host_##name),	\
			     static_call_query(vk_original_##name))
/*
 * The pid namespace with this id, alive or not, by an index of the kernel's; NULL if there is none,
 * ERR_PTR(-EOPNOTSUPP) without an index. Under rcu_read_lock().
 */
const void *vk_ns_look_up(unsigned long long id);
/* The kobject of a file of sysfs, a struct kernfs_node. */
const void *vk_sysfs_kobj(const void *node);
/* Whether the file is in a directory below that of its kobject. */
bool vk_sysfs_is_in_group(const void *node);

/* ---- Of the shared files ---- */

/* Called by vk_series_bind(). */
void vk_overcommit_bind(void);
void vk_thp_bind(void);
void vk_shmem_bind(void);
void vk_zero_page_bind(void);
void vk_vote_bind(void);
void vk_host_commit_bind(void);
void vk_parameter_bind(void);
void vk_limit_bind(void);
/* A pid namespace has ended: an RCU callback. */
void vk_files_end(const void *ns);

/* Under RCU: the sum over the tasks of @ns and below whose namespace is wanted, the host's not.
 * As vk_ns_accounted_pages(). */
struct pid_namespace;
long vk_accounted_pages(struct pid_namespace *ns, bool (*wanted)(const void *ns), long *unlocked);

/* The functions behind transparent_hugepage/enabled and defrag, whose names are not unique. */
unsigned long vk_find_thp_enabled_show(void);
unsigned long vk_find_thp_enabled_store(void);
unsigned long vk_find_thp_defrag_show(void);
unsigned long vk_find_thp_defrag_store(void);

/* What the stubs of hooks without an answer of their own call. */
void vk_before_wake_up_new_task(struct task_struct *task);
void vk_before_delayed_free_pidns(struct rcu_head *rcu);
/* Of everybody's files; called there alone. */
__noendbr void vk_before_security_file_free(struct file *file);

int vk_ask_collapse_huge_page(struct mm_struct *mm, unsigned long start, int referenced,
			      int unmapped, void *cc, unsigned int order);
int vk_ask_collapse_single_pmd(unsigned long start, struct vm_area_struct *vma, bool *lock_dropped,
			       void *cc);
int vk_ask_collapse_file(struct mm_struct *mm, unsigned long start, struct file *file,
			 unsigned long index, void *cc);

/* Tells where @task is, if it is the init of a namespace. Any context. */
void vk_place(struct task_struct *task);

/* ---- Symbols ---- */

#define VK_BIND(pointer, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	pointer = found ? (typeof(pointer))found->address : NULL;	\
} while (0)

/* The value of a variable of the kernel that may not be there: a refused feature is asked too. */
#define VK_READ(pointer) ((pointer) ? READ_ONCE(*(pointer)) : (typeof(*(pointer)))0)

#define VK_BIND_CALL(call, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	if (found)							\
		static_call_update(call, (void *)found->address);	\
} while (0)

#endif
