/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites need of a kernel beside the shims: integers, bool and opaque pointers.
 *
 * The Rust side is vk-ffi-shims/src/kunit.rs. All in process context; all may sleep.
 */
#ifndef VK_KUNIT_H
#define VK_KUNIT_H

#include <linux/types.h>

/* ---- thread.c ---- */

/*
 * Calls @run(@data, index) in @count kernel threads at once, and waits for the last. Thread
 * number n is bound to the n-th online CPU, and begins anew behind the last one.
 * 0, or a negative errno: then none has run.
 */
int vk_kunit_threads(unsigned int count, void (*run)(void *data, unsigned int index), void *data);
unsigned int vk_kunit_cpus(void);
unsigned int vk_kunit_cpu(void);

/* ---- user.c ---- */

/* Runs /bin/sh -c @script and waits. Its wait status, or a negative errno. */
int vk_kunit_shell(const char *script);
/* Calls @run(@data, mm) as a kernel thread that uses the mm of task @pid. 0 or a negative errno. */
int vk_kunit_with_mm_of(int pid, void (*run)(void *data, const void *mm), void *data);
/*
 * Calls @run(@data, mm) with an empty mm that task @pid owns: once while it lives, and once more when
 * it has ended and is released. 0, -ETIMEDOUT if it is not within 10 s, or another negative errno.
 */
int vk_kunit_with_owner(int pid, void (*run)(void *data, const void *mm), void *data);
bool vk_kunit_is_loaded(const char *module);
/*
 * Calls @run(@data, folio, id) with a page that is charged to the memory cgroup of task @pid, and the
 * id of that one's cgroup as the kernel tells it to /proc/kpagecgroup. 0 or a negative errno.
 */
int vk_kunit_with_page_of(int pid, void (*run)(void *data, const void *folio, unsigned long id),
			  void *data);

/* ---- symbol.c ---- */

/*
 * Looks @name up as vk_resolve() does, after it. Returns how many symbols have exactly this name;
 * @address is where it is, or 0 if it may not be used. ~0 if the symbol table cannot be read.
 */
unsigned int vk_kunit_symbol(const char *name, unsigned long *address);
/*
 * Finds a name that one symbol has, and another one with @suffix behind it. False if the kernel
 * has none.
 */
bool vk_kunit_symbol_with(const char *suffix, char *name, unsigned int room);

/* ---- answer.c: what the kernel, or C, answers to the same question ---- */

/*
 * proc_dointvec_minmax(), proc_douintvec_minmax(), proc_dopipe_max_size() and
 * proc_doulongvec_minmax() on a table of our own. The third is not exported: -ENOENT if the kernel
 * has no symbol of that name, or several.
 */
int vk_kunit_proc_int(int *value, int min, int max, int write, void *buffer, unsigned long *len,
		      long long *pos);
int vk_kunit_proc_uint(unsigned int *value, unsigned int min, unsigned int max, int write,
		       void *buffer, unsigned long *len, long long *pos);
int vk_kunit_proc_pipe_size(unsigned int *value, int write, void *buffer, unsigned long *len,
			    long long *pos);
int vk_kunit_proc_ulong(unsigned long *value, unsigned long min, unsigned long max, int write,
			void *buffer, unsigned long *len, long long *pos);
bool vk_kunit_sysfs_streq(const char *one, const char *other);
/* kstrtoul() with base 10. */
int vk_kunit_kstrtoul(const char *text, unsigned long *value);
/* GFP_TRANSHUGE and GFP_TRANSHUGE_LIGHT, and __GFP_*, in this build. */
unsigned int vk_kunit_gfp_transhuge(void);
unsigned int vk_kunit_gfp_transhuge_light(void);
unsigned int vk_kunit_gfp_direct_reclaim(void);
unsigned int vk_kunit_gfp_kswapd_reclaim(void);
unsigned int vk_kunit_gfp_noretry(void);
/*
 * The sums of vm_commit_limit() and __vm_enough_memory() in mm/util.c, in pages and with C's
 * conversions; the reserves of mode 2, and what mode 0 lets pass.
 */
unsigned long vk_kunit_commit_limit(int ratio, unsigned long kbytes, unsigned long ram,
				    unsigned long hugetlb, long swap);
long vk_kunit_allowed(unsigned long limit, unsigned long admin_reserve,
		      unsigned long user_reserve, bool is_admin, bool has_mm,
		      unsigned long total_vm);
bool vk_kunit_fits(long pages, unsigned long ram, long swap);

/* ---- lookup.c ---- */

/* The time-stamp counter's difference over @run(@data), with interrupts off. */
u64 vk_kunit_ticks(void (*run)(void *data), void *data);
/*
 * @count objects, each by its address in an hlist table of 2^@bits heads, in an rhashtable and in
 * an xarray. NULL without memory.
 */
struct vk_tables;
struct vk_tables *vk_kunit_tables_new(unsigned int count, unsigned int bits);
void vk_kunit_tables_free(struct vk_tables *tables);
/* The address of object @i, 0 behind the last. */
unsigned long vk_kunit_tables_key(const struct vk_tables *tables, unsigned int i);
/* Ticks of one lookup in table @kind: 0 hlist, 1 rhashtable, 2 xarray. */
u64 vk_kunit_tables_ticks(struct vk_tables *tables, unsigned int kind, unsigned long key,
			  bool *found);

#endif
