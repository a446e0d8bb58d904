/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What crosses between C and Rust: integers, bool and opaque pointers, nothing else.
 *
 * src/bindings.rs is made from this file by bindgen and committed; no kernel header is
 * included, so the result is the same for every kernel. C asserts in the series file
 * that the constants here are the kernel's.
 *
 * Context words: "any" may be called anywhere but NMI; "process" may sleep.
 */
#ifndef VK_SHIMS_H
#define VK_SHIMS_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif

/* ---- Entry stubs ------------------------------------------------------------------ */

/*
 * What a caller that is certainly none of ours gets.
 *
 * PASS: straight on to the original.
 * SHADOW: the host's own shadow value, answered by a C function, no Rust.
 * REPL: as PASS for strangers; ours are answered and the original is not run.
 * AROUND: the original is called and its result looked at.
 */
enum vk_kind {
	VK_KIND_PASS = 0,
	VK_KIND_SHADOW = 1,
	VK_KIND_REPL = 2,
	VK_KIND_AROUND = 3,
};

/* Whose policy a decision is about. */
enum vk_subject {
	VK_SUBJECT_NONE = 0,	/* nobody's in particular: every caller is ours */
	VK_SUBJECT_CURRENT = 1,	/* the running task */
	VK_SUBJECT_MM = 2,	/* a struct mm_struct */
	VK_SUBJECT_VMA = 3,	/* the mm of a struct vm_area_struct */
	VK_SUBJECT_TASK = 4,	/* a struct task_struct */
	VK_SUBJECT_VMA_OR_CURRENT = 5,		/* the mm of a VMA; the running task without one */
	VK_SUBJECT_SECOND_VMA_OR_CURRENT = 6,	/* the same for the second argument */
	VK_SUBJECT_FAULT = 7,	/* the mm of the VMA of a struct vm_fault */
};

enum vk_feature {
	VK_FEATURE_LIFECYCLE = 0,
	VK_FEATURE_SYSCTL = 1,
	VK_FEATURE_OVERCOMMIT = 2,
	VK_FEATURE_THP = 3,
	VK_FEATURE_THP_DEFRAG = 4,
	VK_FEATURE_THP_SHMEM = 5,
	VK_FEATURE_THP_ZERO_PAGE = 6,
	VK_FEATURE_THP_VOTE = 7,
	VK_FEATURE_THP_VOTE_SCAN = 8,
	VK_FEATURE_THP_VOTE_FILE = 9,
	VK_FEATURE_PARAMETERS = 10,	/* the handlers that many parameters share */
	VK_FEATURE_PERMISSION = 11,	/* files that container root may write */
	VK_FEATURE_PROTECTION = 12,	/* protect_host=1 */
	VK_FEATURE_MAPS = 13,		/* and so on: the limits of one or a few parameters */
	VK_FEATURE_MIN_ADDR = 14,
	VK_FEATURE_DESCRIPTORS = 15,
	VK_FEATURE_PIPES = 16,
	VK_FEATURE_MOUNTS = 17,
	VK_FEATURE_THREADS = 18,
	VK_FEATURE_LOG = 19,
	VK_FEATURE_FILES = 20,
	VK_FEATURES = 21,
};

/* Where a hook is in its life. */
enum vk_state {
	VK_STATE_ABSENT = 0,	/* its symbol does not fit */
	VK_STATE_PLANNED = 1,	/* resolved, the site untouched */
	VK_STATE_ARMED = 2,	/* the site jumps to the stub, verified */
	VK_STATE_DRAINING = 3,	/* the site restored, tasks may still be inside */
};

/* What diverts a function. */
enum vk_backend {
	VK_BACKEND_FTRACE = 0,	/* F: a direct jump by ftrace */
	VK_BACKEND_INLINE = 1,	/* P: a jump of ours behind the ftrace nop */
};

/* What may divert it: the module parameter `backend`, or a choice for one hook. */
enum vk_choice {
	VK_CHOICE_AUTO = 0,	/* F, and P where somebody else has the site */
	VK_CHOICE_FTRACE = 1,
	VK_CHOICE_PREFER = 2,	/* P, and F where P is refused: `backend=inline` */
	VK_CHOICE_INLINE = 3,	/* P alone */
};

/* Resolves every symbol and plans every hook. Process context, once, before anything else. */
int vk_resolve(void);
/* How many hooks there are. Their numbers are the order of their lines. */
unsigned int vk_hook_count(void);
/* Why hook @id was not planned, or the feature's data cannot be used; "" if all is well. */
const char *vk_refusal(unsigned int id);
const char *vk_feature_refused(unsigned int feature);
/* The number of a hook by the address of its struct vk_hook. */
unsigned int vk_hook_id(const void *hook);
/* The type that argument @nth of hook @id crosses as, 0 for what is returned; VK_CODE of vk_hooks.h. */
unsigned int vk_hook_code(unsigned int id, unsigned int nth);
unsigned int vk_hook_arguments(unsigned int id);
/* The types of its arguments, as they stand in its line. */
const char *vk_hook_takes(unsigned int id);
/* Whether it is found by its name, and nothing else was found wrong with it. */
bool vk_hook_is_named(unsigned int id);
/* For one that is found in data: "struct NAME.FIELD", the pointer that led to it. Else NULL. */
const char *vk_hook_held(unsigned int id);
/* Refuses a planned hook, and its feature, for a reason that lasts. Before anything is armed. */
void vk_hook_refuse(unsigned int id, const unsigned char *why, unsigned long len);

const char *vk_hook_symbol(unsigned int id);
const char *vk_feature_name(unsigned int feature);
unsigned int vk_hook_feature(unsigned int id);
unsigned int vk_hook_kind(unsigned int id);
unsigned int vk_hook_subject(unsigned int id);
unsigned int vk_hook_state(unsigned int id);
unsigned long vk_hook_address(unsigned int id);
/* Copies at most @len of the function's first 16 bytes as they are now; returns how many. */
unsigned int vk_hook_entry(unsigned int id, unsigned char *out, unsigned int len);

/*
 * The arm and disarm state machine (kernel_review 10): planned -> armed -> draining -> planned.
 * All in process context, callers serialised by the control mutex.
 */
/* Puts hook @id in and reads the site back. 0, or -EBUSY (another direct user, or
 * kernel.ftrace_enabled is 0), -ENODEV, -EILSEQ (the site reads back wrong). */
int vk_hook_arm(unsigned int id);
/* Takes hook @id out. An error leaves it armed. */
int vk_hook_disarm(unsigned int id);
/* Both are back end F's; where the originals and the host's way lead, 0 for behind the nop. */
void vk_hook_lead(unsigned int id, unsigned long to);
/* Waits until no task runs in a stub or in a function that does not sleep: synchronize_rcu_tasks(). */
void vk_hooks_synchronize(void);
/* Waits up to @timeout_ms for tasks that sleep in a handler. 0, or -EBUSY with one of them in
 * @pid and the hook in @id. */
int vk_hooks_drain(unsigned int timeout_ms, int *pid, unsigned int *id);
/*
 * Marks current as inside hook @id and about to sleep: RCU-tasks takes a sleeper for gone.
 * Returns a slot for vk_flight_leave(). Any context.
 */
int vk_flight_enter(unsigned int id);
void vk_flight_leave(unsigned int id, int slot);
/*
 * Before the module goes, after the last drain: frees what planning took, waits for RCU
 * callbacks of ours and for tasks on their last way out.
 */
void vk_hooks_barrier(void);

/* A line in the log. Any context but NMI. */
void vk_say(bool is_error, const unsigned char *text, unsigned long len);

/* ---- The back end of a hook --------------------------------------------------------- */

/* The choice for all hooks, and for one. Process context, under the control mutex. */
unsigned int vk_hooks_choice(void);
unsigned int vk_hook_choice(unsigned int id);
/* 0, or -EBUSY: the hook is in. */
int vk_hook_choose(unsigned int id, unsigned int choice);
/* The hook answers for no gate. */
bool vk_hook_may_be_inline(unsigned int id);
/* The back end that has the hook armed, or had last. */
unsigned int vk_hook_backend(unsigned int id);
/* The back end that it will go in by, as decided when it was prepared. */
unsigned int vk_hook_next(unsigned int id);
void vk_hook_decide(unsigned int id, unsigned int backend);
/* Somebody diverts the function by a direct call or jump of ftrace. */
bool vk_hook_is_shared(unsigned int id);
/* Whether a live patch has the function. Process context. */
bool vk_hook_is_patched(unsigned int id);
/* The stub of another module that has the function, as "NAME [MODULE]"; "" if none has. */
const char *vk_hook_rival(unsigned int id);

/* Room for a trampoline of vk-hook: TRAMPOLINE_MAX, rounded up. */
#define VK_TRAMPOLINE_BYTES 48

/* ---- Inline hooks: the kernel's text -------------------------------------------------- */

enum vk_owner {
	VK_OWNER_NONE = 0,
	VK_OWNER_FTRACE = 1,
	VK_OWNER_JUMP_LABEL = 2,
	VK_OWNER_STATIC_CALL = 3,
	VK_OWNER_ALTERNATIVE = 4,
	VK_OWNER_KPROBE = 5,
	VK_OWNER_BUG = 6,
	VK_OWNER_HOOK = 7,	/* a jump or call out of the kernel */
};

/*
 * Prepares for inline hooks, once; before anything else below. Process context. "", or the name of
 * the kernel's function or object that is missing.
 */
const char *vk_inline_refusal(void);
/* Nobody else changes text or registers a probe from lock to unlock. Process context. */
void vk_text_lock(void);
void vk_text_unlock(void);
/* The rest of this section but vk_hook_*() is under that lock. */
int vk_text_read(unsigned long at, unsigned char *out, unsigned int len);
int vk_text_write(unsigned long at, const unsigned char *bytes, unsigned int len);
/* Returns when every processor has executed a serialising instruction. With or without the lock. */
void vk_text_sync(void);
/* Sends whoever meets a breakpoint at @site to @to. -EBUSY: another way is set, -ENOSPC. */
int vk_text_catch(unsigned long site, unsigned long to);
void vk_text_release(unsigned long site);
bool vk_text_is_probed(unsigned long start, unsigned int len);
unsigned int vk_text_owner(unsigned long start, unsigned int len);
/* Where it goes on if @insn faults; 0 if the exception table has nothing. */
unsigned long vk_text_fixup(unsigned long insn);
bool vk_text_has_jump_tables(void);
/* The bytes of the function at @function, padding included; 0 if it is none. Without the lock. */
unsigned long vk_function_len(unsigned long function);
/* The parts of hook @id's function that are elsewhere: how many, the first @room of them. */
unsigned int vk_hook_parts(unsigned int id, unsigned long *parts, unsigned int room);
unsigned long vk_hook_stub(unsigned int id);
unsigned long vk_hook_trampoline(unsigned int id);
/* Says where hook @id is in its life, by back end P. */
void vk_hook_enter(unsigned int id, unsigned int state);
/*
 * Looks who took the place of hook @id, which is armed; "" if nobody did. Process context, under the
 * control mutex.
 */
const char *vk_hook_bypass(unsigned int id);
/* Notes whether it is bypassed; returns what was noted before. */
bool vk_hook_was_bypassed(unsigned int id, bool is_bypassed);
/* Runs vk_handler_bypass() every @period_ms, and soon after a module was loaded. 0 or a negative
 * errno. Process context, under the control mutex, as the end of it, which waits. */
int vk_bypass_watch(unsigned int period_ms);
void vk_bypass_unwatch(void);

/* ---- Subjects --------------------------------------------------------------------- */

/*
 * Each returns the active pid namespace of the subject, or NULL for the host (the initial
 * namespace, a kernel thread, a task past release_task(), an mm without owner).
 * Any context, under rcu_read_lock(); the address is a key, good until the unlock.
 */
const void *vk_subject_current(void);
const void *vk_subject_mm(const void *mm);
const void *vk_subject_vma(const void *vma);

/*
 * The same for what is over in a few dozen instructions: rcu_read_lock_sched() first, which every
 * grace period waits for as well, and which the caller leaves by vk_brief_leave(). Any context;
 * nothing may sleep in between, nor walk anything long.
 */
const void *vk_brief_enter_mm(const void *mm);
const void *vk_brief_enter_vma(const void *vma);
void vk_brief_leave(void);

/*
 * Trees: the namespaces right below the initial one, each with all that are below it, in buckets.
 * The stubs send a task of a tree without a mark the host's way. So a mark is set before a policy
 * can be found for anybody in the tree, and taken away when none can any more. Any context.
 */
unsigned int vk_ns_tree(const void *ns);
void vk_tree_mark(unsigned int tree);
void vk_tree_unmark(unsigned int tree);

/* ---- Namespaces ------------------------------------------------------------------- */

/* Any context, under rcu_read_lock() or with the namespace otherwise held. */
const void *vk_ns_parent(const void *ns);	/* NULL above the first level */
unsigned long long vk_ns_id(const void *ns);
unsigned int vk_ns_level(const void *ns);
bool vk_ns_is_descendant(const void *ns, const void *ancestor);	/* or the same */
/* Global pid of the namespace's init, 0 if there is none; its comm in 16 bytes. */
int vk_ns_init_pid(const void *ns, unsigned char *comm);
unsigned int vk_ns_tasks(const void *ns);
/* The files that are counted, of it and below: those opened while it had a value of fs.file-max. */
unsigned int vk_ns_files(const void *ns);
/* Whether current is in an ancestor pid namespace of @ns, and not in @ns itself. */
bool vk_ns_below_current(const void *ns);
/* CAP_SYS_ADMIN of current in the namespace's user namespace. */
bool vk_ns_admin(const void *ns);
/* Bytes of memory.max and memory.swap.max of the init's memcg, least over its ancestors; ~0 is none. */
void vk_ns_memory_max(const void *ns, unsigned long long *memory, unsigned long long *swap);

/* The namespace whose init has this global pid, or NULL; under rcu_read_lock(). */
const void *vk_ns_of_init(int nr);
/* The namespace with this id that has a live init, or NULL; process context, under rcu_read_lock(). */
const void *vk_ns_of_id(unsigned long long id);
/*
 * Calls @found for each pid namespace that has a live init, under rcu_read_lock(), until it
 * returns false. Process context.
 */
void vk_ns_each(bool (*found)(const void *ns, void *data), void *data);

/* ---- Memory cgroups --------------------------------------------------------------- */

/*
 * The memory cgroup that @folio is charged to; NULL if it is charged to none, or to the root.
 *
 * Any context, under rcu_read_lock(), which the pointer is good for. Any folio will do, mapped or
 * not: one that is freed meanwhile gives what its memory is charged to then. On 7.2 a folio points to
 * an obj_cgroup, which leads to the memory cgroup that was charged, or, once that was removed, to
 * its parent (reparenting); on 6.12 to the memory cgroup itself, also a removed one.
 */
const void *vk_folio_memcg(const void *folio);
/* The one around it, NULL below the root. As above. */
const void *vk_memcg_parent(const void *memcg);
/* The 64-bit id of its cgroup, which is never used again. As above. */
unsigned long long vk_memcg_id(const void *memcg);
/*
 * Calls @found, under rcu_read_lock(), with the memory cgroup that counts for the cgroup with this
 * id, NULL for the root; false if there is no such cgroup. Process context.
 */
bool vk_memcg_with(unsigned long long id, void (*found)(const void *memcg, void *data), void *data);

/*
 * Tells vk_handler_placed() of the init of each namespace, now and whenever it executes a program
 * or is moved. 0, or a negative errno: then it tells nothing. Process context.
 */
int vk_places_watch(void);
/* The end of that; waits until nothing is told any more. Process context. */
void vk_places_unwatch(void);

/* ---- Overcommit ------------------------------------------------------------------- */

/* vm_acct_memory(): moves the kernel's own counter. Any context. */
void vk_overcommit_account(long pages);
unsigned long long vk_overcommit_committed(void);
long vk_ram_pages(void);
long vk_hugetlb_pages(void);
long vk_swap_pages(void);
/* The host's own values: vm.overcommit_memory, _ratio, _kbytes. */
void vk_overcommit_host(int *mode, int *ratio, unsigned long *kbytes);
/* vm.admin_reserve_kbytes and vm.user_reserve_kbytes, in pages. */
void vk_overcommit_reserves(long *admin, long *user);
long vk_mm_total_pages(const void *mm);
/* Pages current was already charged for under the mmap write lock it holds; the call adds @pages. */
long vk_overcommit_in_flight(const void *mm, long pages);
/* Both of a charge that is granted: moves the kernel's counter, and adds to what is in flight. */
void vk_overcommit_charge(const void *mm, long pages);
/*
 * Sums the VM_ACCOUNT pages of every mm owned by a task of @ns or below.
 * Never sleeps; no caller may hold a spinlock. @unlocked gets the pages of address spaces whose
 * lock could not be taken, which are counted whole (total_vm). -EAGAIN when a bound was hit.
 */
long vk_ns_accounted_pages(const void *ns, long *unlocked);
bool vk_may_recount(void);	/* false in atomic context */

/*
 * The host in mode 2, while containers have modes of their own: c/host_commit.c. Opened after
 * the hooks of the feature are armed, closed before they go. Process context.
 */
int vk_host_commit_open(void);
void vk_host_commit_close(void);

/* What becomes of MAP_NORESERVE and SHM_NORESERVE. */
enum vk_reserve {
	VK_RESERVE_AS_HOST = 0,	/* as the host's mode has it */
	VK_RESERVE_HONOURED = 1,	/* not charged: modes 0 and 1 */
	VK_RESERVE_IGNORED = 2,	/* charged all the same: mode 2 */
};
/* The kernel's own words, rate-limited. */
void vk_overcommit_warn(long pages);

/* ---- Kernel parameters ------------------------------------------------------------ */

enum vk_parameter {
	VK_PARAMETER_OVERCOMMIT_MEMORY = 0,
	VK_PARAMETER_OVERCOMMIT_RATIO = 1,
	VK_PARAMETER_OVERCOMMIT_KBYTES = 2,
	VK_PARAMETER_MAX_MAP_COUNT = 3,
	VK_PARAMETER_MMAP_MIN_ADDR = 4,
	VK_PARAMETER_NR_OPEN = 5,
	VK_PARAMETER_PIPE_MAX_SIZE = 6,
	VK_PARAMETER_PIPE_USER_PAGES_HARD = 7,
	VK_PARAMETER_PIPE_USER_PAGES_SOFT = 8,
	VK_PARAMETER_MOUNT_MAX = 9,
	VK_PARAMETER_THREADS_MAX = 10,
	VK_PARAMETER_DMESG_RESTRICT = 11,
	VK_PARAMETER_FILE_MAX = 12,
	VK_PARAMETER_ADMIN_RESERVE_KBYTES = 13,
	VK_PARAMETER_USER_RESERVE_KBYTES = 14,
	VK_PARAMETERS = 15,
};

/* The parameter that a struct ctl_table is about, VK_PARAMETERS for any other. Any context. */
unsigned int vk_parameter_of(const void *table);
/* The host's own value, as a pattern of bits. False if the kernel's variable was not found. */
bool vk_parameter_host(unsigned int parameter, unsigned long long *bits);
/*
 * Lets some container have up to @greatest, and holds the host to its own value by the hooks of the
 * parameter's feature while that is less, now or after a write of its own. -ENODEV unless they are
 * armed, or if nothing can hold the host. Process context, callers serialised by the control mutex.
 */
int vk_parameter_widen(unsigned int parameter, unsigned int greatest);
/* Undoes it. Before the hooks go. */
void vk_parameter_narrow(unsigned int parameter);
/*
 * Nobody's value is stricter than @edge from now on, or might be again. Before a value that is stricter
 * is published, vk_edge_tighten(); vk_edge_set() when none is left. Before the first one everybody is
 * asked. Any context, under the registry's lock.
 */
void vk_edge_tighten(unsigned int parameter, unsigned long long edge);
void vk_edge_set(unsigned int parameter, unsigned long long edge);
/* Leads the host's own reads and writes to the shadows; with the handlers armed. Process context. */
void vk_parameters_shadow_host(void);
/* Counts no file any more. With the hooks of VK_FEATURE_FILES out and drained; process context. */
void vk_files_forget(void);
/* Whether MAY_WRITE is in what a permission is asked for. */
bool vk_may_write(unsigned int op);

/* What a file of sysfs is. */
enum vk_thp_file {
	VK_THP_FILE_NONE = 0,		/* not in transparent_hugepage */
	VK_THP_FILE_ENABLED = 1,	/* `enabled`, or that of PMD order */
	VK_THP_FILE_OTHER = 2,
	VK_THP_FILE_DEFRAG = 3,
	VK_THP_FILE_SHMEM_ENABLED = 4,	/* `shmem_enabled`, or that of PMD order */
	VK_THP_FILE_USE_ZERO_PAGE = 5,
};

/* ---- Transparent huge pages ------------------------------------------------------- */

enum vk_tva {
	VK_TVA_SMAPS = 0,
	VK_TVA_PAGEFAULT = 1,
	VK_TVA_KHUGEPAGED = 2,
	VK_TVA_FORCED_COLLAPSE = 3,
};

bool vk_vma_is_anonymous(const void *vma);
unsigned long vk_vma_flags(const void *vma);
/* What prctl(PR_SET_THP_DISABLE) said of its mm: 0 nothing, 1 none, 3 none unless advised. */
unsigned int vk_vma_thp_disable(const void *vma);
/* Whether the machine has no huge pages at all. */
bool vk_thp_unsupported(void);
/* Anonymous, and no huge page fits into it anywhere. */
bool vk_vma_is_too_small(const void *vma);
bool vk_vma_is_shmem(const void *vma);
/* Huge PFN mappings, which no policy applies to. */
bool vk_vma_is_huge_pfn(const void *vma);
bool vk_vm_flags_hugepage(unsigned long vm_flags);
bool vk_vm_flags_nohugepage(unsigned long vm_flags);
unsigned int vk_pmd_order(void);
unsigned int vk_thpsize_order(const void *kobj);
/* The host's `enabled` for anonymous memory of PMD order: 0 always, 1 madvise, 2 never. */
unsigned int vk_thp_host_enabled(void);
/* The host's `defrag`, as the number of its word: 0 always, 1 defer, 2 defer+madvise, 3 madvise, 4 never. */
unsigned int vk_thp_host_defrag(void);
/* The bits of which vma_thp_gfp_mask() makes its answer. */
void vk_thp_gfp_bits(unsigned int *transhuge_light, unsigned int *direct_reclaim,
		     unsigned int *kswapd_reclaim, unsigned int *noretry);
/*
 * The gate: bit PMD_ORDER of huge_anon_orders_always. Opened last, after every SHADOW hook of
 * the feature is armed and verified; closed first, and the close waits for RCU-tasks.
 * Process context.
 */
int vk_thp_gate_open(void);
int vk_thp_gate_close(void);
bool vk_thp_gate_is_open(void);

/* ---- Huge pages of shared memory --------------------------------------------------- */

/* The host's `shmem_enabled`: the number of SHMEM_HUGE_* in mm/shmem.c. Any context, as the rest. */
int vk_shmem_host(void);
/* The masks behind hugepages-<size>kB/shmem_enabled. */
void vk_shmem_orders(unsigned long *always, unsigned long *inherit, unsigned long *within_size,
		     unsigned long *madvise);
/* Of an inode of shmem: whether it is on the kernel's own mount, and what `huge=` its mount has. */
bool vk_shmem_is_internal(const void *inode);
unsigned int vk_shmem_mount_huge(const void *inode);
bool vk_shmem_is_regular(const void *inode);
unsigned long vk_shmem_size_pages(const void *inode);
/* Whether the file had no name when it was mapped. */
bool vk_shmem_vma_is_anon(const void *vma);
/* As shmem_get_unmapped_area(), aligned for huge pages. Process context, mmap lock held. */
unsigned long vk_shmem_aligned_area(const void *file, unsigned long addr, unsigned long len,
				    unsigned long pgoff, unsigned long flags);

/* ---- The huge zero page --------------------------------------------------------------- */

/* The host's own `use_zero_page`. */
bool vk_zero_page_host(void);
/* The VMA of a struct vm_fault. */
const void *vk_fault_vma(const void *fault);
/* do_huge_pmd_anonymous_page() without the huge zero page. In a page fault; it sleeps. */
unsigned int vk_zero_page_deny(void *fault);
/*
 * Lets containers have the huge zero page whatever the host says: raised last, after the hooks of
 * the feature are armed and verified; lowered first, and that waits for RCU-tasks. Process context.
 */
int vk_zero_page_raise(void);
void vk_zero_page_lower(void);

/* ---- The vote about a range that khugepaged is about to collapse ------------------------ */

/* A range is good for one call of vk_handler_vote(), with the mmap lock of its mm held. */
const void *vk_range_mm(const void *range);
unsigned int vk_range_pages(const void *range);
/* Of the VMA along which khugepaged came. */
unsigned long vk_range_vm_flags(const void *range);
bool vk_range_is_shmem(const void *range);
/* The memory cgroup that the mm is charged to, as vk_folio_memcg(); under rcu_read_lock(). */
const void *vk_range_memcg(const void *range);
/*
 * Calls @found for each memory cgroup that small pages are charged to, with how many, under RCU. One
 * may come more than once, where there are many. What is empty, in swap or zero is left out.
 */
typedef void (*vk_range_found)(const void *memcg, unsigned int pages, void *data);
void vk_range_each(const void *range, vk_range_found found, void *data);

/* ---- Text of files ---------------------------------------------------------------- */

/* A user of sysfs or proc: copies into the kernel buffer the file's method was given. */
bool vk_copy_out(void *buffer, unsigned long room, const unsigned char *text, unsigned long len);

/* ---- Locks, RCU, the module ------------------------------------------------------- */

/* The registry's spinlock: taken with interrupts off, also in the RCU callback. */
unsigned long vk_registry_lock(void);
void vk_registry_unlock(unsigned long flags);
/* The lock of the events: a raw spinlock, so that it can be taken under any lock but itself. */
unsigned long vk_event_lock(void);
void vk_event_unlock(unsigned long flags);
/* The control mutex: one change of policy or of hooks at a time. Process context. */
void vk_control_lock(void);
bool vk_control_trylock(void);
void vk_control_unlock(void);
/* Sleeps for about @ms. Process context. */
void vk_sleep_ms(unsigned int ms);

void vk_rcu_read_lock(void);
void vk_rcu_read_unlock(void);
/*
 * A cache of objects of one size, NULL without memory; kfree() takes them back. They are not zeroed.
 * Process context, as for its end, when none of its objects is left.
 */
void *vk_cache_create(const char *name, unsigned int size, unsigned int align);
void vk_cache_destroy(void *cache);
void *vk_cache_alloc(void *cache, bool may_sleep);
void vk_synchronize_rcu(void);
/* Waits for the functions of vk_call_rcu(). Process context. */
void vk_rcu_barrier(void);
/* Calls @fn(@head) after a grace period; @head points to three unused words. Any context. */
void vk_call_rcu(void *head, void (*fn)(void *head));

/* Pins the module. Any context. */
void vk_module_get(void);
/* The same, unless the module is about to go. */
bool vk_module_try_get(void);
void vk_module_put(void);
unsigned long long vk_clock_ns(void);
unsigned long vk_coarse_jiffies(void);
int vk_current_pid(void);
/* The name of current, in 16 bytes. Any context. */
void vk_current_comm(unsigned char *comm);
/* CAP_SYS_ADMIN in the initial user namespace: of the task that opened @file, and of current. */
bool vk_opener_admin(const void *file);
bool vk_current_admin(void);

/* Runs vk_handler_later() on a workqueue after @delay_ms, once; a later call moves it. Any context. */
void vk_later(unsigned int delay_ms);
void vk_later_cancel(void);

/* ---- The bell: sleeping until something happens ------------------------------------- */

/* How often it was rung. Any context. */
unsigned long vk_bell_rung(void);
/* Rings: wakes, by an irq_work, whoever sleeps in vk_bell_wait(). Any context but NMI. */
void vk_bell_ring(void);
/* Sleeps interruptibly until it was rung more often than @rung. 0, or -ERESTARTSYS. */
int vk_bell_wait(unsigned long rung);
/* Waits for the irq_work. Process context, after the last ring. */
void vk_bell_settle(void);
/* Whether a read by @iocb (a struct kiocb) may sleep: not with O_NONBLOCK. */
bool vk_may_wait(const void *iocb);

/* ---- The build: the kernel that the module was made for ----------------------------- */

/* All in process context, and any number @i will do. */

/* What the build recorded: the kernel's release, "" if nothing was; its build-id in @out, returns
 * how many bytes it has. */
const char *vk_build_release(void);
unsigned int vk_build_id(unsigned char *out, unsigned int room);
/* Name @i of what was recorded, "struct NAME" or a symbol, and its signature, 0 for what has no
 * type in BTF; NULL past the last. */
const char *vk_build_type(unsigned int i, unsigned long long *signature);
/* Name @i of what the hooks stand on, and whether it must have a type; NULL past the last. */
const char *vk_build_wanted(unsigned int i, bool *must_have_type);
/* The running kernel's release, its ELF notes and its BTF; NULL where it has none. */
const char *vk_running_release(void);
const unsigned char *vk_running_notes(unsigned long *len);
const unsigned char *vk_running_btf(unsigned long *len);
/* Whether the module was loaded with allow=btf. */
bool vk_build_allows_btf(void);
/* Refuses every hook and feature for this reason. Instead of vk_resolve(). */
void vk_build_refuse(const unsigned char *why, unsigned long len);

/* ---- What Rust provides: the hook! and callback! macros make these ------------------ */

#ifdef __KERNEL__
void vk_handler_birth(const void *ns);	/* process context, may sleep */
void vk_handler_end(const void *ns);	/* RCU callback: atomic */
void vk_handler_later(void);		/* workqueue */
/* The init of @ns is in @memcg, and its parent is not: atomic, interrupts may be off, under RCU. */
void vk_handler_placed(const void *ns, const void *memcg);
/* Whether a range may be collapsed: process context, the mmap lock is held. */
bool vk_handler_vote(const void *range);
/* An enum vk_reserve, for current or the owner of @mm; any context. */
int vk_handler_reserve(const void *mm);
/* Whether tasks of @ns have a mode of their own that is not 2; any context, under RCU. */
bool vk_handler_apart(const void *ns);
void vk_handler_bypass(void);		/* workqueue */
/*
 * Whether the value of @ns (enum vk_parameter) forbids what would come to @asked, -1 if it has none.
 * Any context, under rcu_read_lock().
 */
int vk_handler_limit(unsigned int parameter, const void *ns, unsigned long long asked);
/*
 * The value of @ns, all bits set if it has none. It is the container's, though the host's may be
 * stricter. Any context, under RCU, also that of the scheduler.
 */
unsigned long long vk_handler_bound(unsigned int parameter, const void *ns);
/* The value of @ns; false if it has none. As vk_handler_limit(). */
bool vk_handler_value(unsigned int parameter, const void *ns, unsigned long long *value);
/*
 * Writes @value as the file of the parameter has it, as the kernel's handler would; false if that has to.
 * Process context.
 */
bool vk_handler_text(unsigned int parameter, unsigned long long value, void *buffer, size_t *lenp,
		     loff_t *ppos);
/* Whether current may write a file (enum vk_thp_file): 0 or a negative errno. Process context. */
int vk_handler_thp_write(unsigned int file);
#endif

#endif
