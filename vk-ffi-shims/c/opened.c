// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs.file-max: how many files a container has open. The kernel's own is fs/file_table.c, which
 * counts for the whole machine. Here a count is kept for each pid namespace that has a value: of
 * its own files and of those below it.
 *
 * A file is its opener's until it is freed, whoever has it by then, and the namespace may be gone.
 * So it is known by its address, from alloc_empty_file(), when nobody else has it, to
 * security_file_free(), when nobody else has it any more. Files that were opened before are not
 * known, nor are those of FMODE_NOACCOUNT and FMODE_BACKING, which the kernel does not count either.
 *
 * Most opens find the pool there and a place free, and take no lock and no memory. For that a pool
 * is found, by the address of its namespace, until that ends, though no file is open; after that
 * only its files know it.
 *
 * Locks, all leaves, with interrupts off, for fput() may be called anywhere: vk_pools_lock; the
 * buckets' own bits, for who found no place.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/irqflags.h>
#include <linux/list_bl.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "vk_limit.h"
#include "vk_subject.h"

/* How many files a namespace, and those below it, have open. */
struct vk_pool {
	struct hlist_node node;
	struct rcu_head rcu;
	struct vk_pool *outer;		/* of the parent, which counts the same files and more */
	const void *ns;
	refcount_t files;		/* and one more while it is found; never 0 */
};

/* A file for which its bucket has no place. */
struct vk_opened {
	struct hlist_bl_node node;
	const struct file *file;
	struct vk_pool *pool;
};

/*
 * Files that are counted. A place is taken by who opens the file, and given back by who frees it,
 * who had it from the former: nobody else writes its pool.
 */
struct vk_place {
	const struct file *file;
	struct vk_pool *pool;
};

struct vk_bucket {
	struct hlist_bl_head more;
	struct vk_place place[3];
};

static DEFINE_HASHTABLE(vk_pools, 8);
static DEFINE_SPINLOCK(vk_pools_lock);
static unsigned int vk_pools_found;

#define VK_BUCKET_BITS 11
static struct vk_bucket vk_buckets[1 << VK_BUCKET_BITS];
/* How many files are in each, those without a place too. */
static atomic_t vk_bucket_files[1 << VK_BUCKET_BITS];

/* Called by the stubs alone. */
struct file *vk_handler_alloc_empty_file(int flags, const struct cred *cred);

/* ---- Pools ---- */

/* Under RCU, also that of the scheduler, or the lock. */
static __always_inline struct vk_pool *vk_pool_find(const void *ns)
{
	struct vk_pool *pool;

	hash_for_each_possible_rcu(vk_pools, pool, node, (unsigned long)ns,
				   lockdep_is_held(&vk_pools_lock) || rcu_read_lock_sched_held())
		if (pool->ns == ns)
			return pool;
	return NULL;
}

/* Counts one file more in the pool that is there. No namespace ends that current is in. */
static struct vk_pool *vk_pool_join(const void *ns)
{
	struct vk_pool *pool;

	rcu_read_lock();
	pool = vk_pool_find(ns);
	if (pool)
		refcount_inc(&pool->files);
	rcu_read_unlock();
	return pool;
}

/* Under the lock. The file that made it is the second. */
static void vk_pool_add(struct vk_pool *pool)
{
	refcount_set(&pool->files, 2);
	hash_add_rcu(vk_pools, &pool->node, (unsigned long)pool->ns);
	vk_pools_found++;
}

/* One file less, in @pool and in those around it; those that nobody needs any more go. */
static void vk_pool_uncharge(struct vk_pool *pool)
{
	struct vk_pool *outer;

	for (; pool; pool = outer) {
		outer = pool->outer;
		if (refcount_dec_and_test(&pool->files))
			kfree_rcu(pool, rcu);
	}
}

/* Under the lock. No task is in its namespace, or the hooks are out. */
static void vk_pool_let_go(struct vk_pool *pool)
{
	hash_del_rcu(&pool->node);
	vk_pools_found--;
	if (refcount_dec_and_test(&pool->files))
		kfree_rcu(pool, rcu);
}

/* Counts one file more for @ns, which @outer counts already. NULL without memory. */
static struct vk_pool *vk_pool_charge(const void *ns, struct vk_pool *outer)
{
	struct vk_pool *fresh, *pool = vk_pool_join(ns);

	if (pool)
		return pool;
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		return NULL;
	fresh->ns = ns;
	fresh->outer = outer;
	spin_lock_irq(&vk_pools_lock);
	pool = vk_pool_join(ns);
	if (!pool)
		vk_pool_add(fresh);
	spin_unlock_irq(&vk_pools_lock);
	if (!pool)
		return fresh;
	kfree(fresh);
	return pool;
}

unsigned int vk_ns_files(const void *ns)
{
	struct vk_pool *pool;
	unsigned int files;

	rcu_read_lock();
	pool = vk_pool_find(ns);
	files = pool ? refcount_read(&pool->files) : 0;
	rcu_read_unlock();
	/* One less, but for a pool that its namespace let go of meanwhile. */
	return files ? files - 1 : 0;
}

/* The namespace has ended: an RCU callback, before its address can be another's. */
void vk_files_end(const void *ns)
{
	struct vk_pool *pool;
	unsigned long flags;

	if (!READ_ONCE(vk_pools_found))
		return;
	spin_lock_irqsave(&vk_pools_lock, flags);
	pool = vk_pool_find(ns);
	if (pool)
		vk_pool_let_go(pool);
	spin_unlock_irqrestore(&vk_pools_lock, flags);
}

/* ---- Who opens ---- */

/* The namespaces of current, the innermost first; none if it has no value. They outlive the call. */
static unsigned int vk_lineage_of_current(const void *lineage[MAX_PID_NS_LEVEL])
{
	unsigned long long value;
	unsigned int depth = 0;
	const void *ns;

	rcu_read_lock();
	ns = vk_subject_current();
	if (ns && vk_handler_value(VK_PARAMETER_FILE_MAX, ns, &value))
		for (; ns && depth < MAX_PID_NS_LEVEL; ns = vk_ns_parent(ns))
			lineage[depth++] = ns;
	rcu_read_unlock();
	return depth;
}

/* The outermost first: a pool lives while one inside it does. */
static struct vk_pool *vk_pool_of_lineage(const void *const *lineage, unsigned int depth)
{
	struct vk_pool *pool = NULL, *outer;

	while (depth--) {
		outer = pool;
		pool = vk_pool_charge(lineage[depth], outer);
		if (!pool) {
			vk_pool_uncharge(outer);
			return NULL;
		}
	}
	return pool;
}

/* The pools of current and around it, which count one file more, or why it must not have one. */
static noinline struct vk_pool *vk_pool_examine(void)
{
	const void *lineage[MAX_PID_NS_LEVEL];
	unsigned int depth = vk_lineage_of_current(lineage);
	struct vk_pool *pool;

	if (!depth)
		return NULL;
	pool = vk_pool_of_lineage(lineage, depth);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	if (!vk_forbids_current(VK_PARAMETER_FILE_MAX, 0) || capable(CAP_SYS_ADMIN))
		return pool;
	vk_pool_uncharge(pool);
	return ERR_PTR(-ENFILE);
}

/*
 * Counts a file that current is about to get: NULL if nobody wants to know, or why it must not have
 * one. Counted first and compared then, so that two at once do not come to more than the value.
 */
static __always_inline struct vk_pool *vk_pool_of_current(void)
{
	unsigned long long bound = VK_UNBOUND;
	struct vk_pool *pool = NULL;
	int before = 0;
	const void *ns;

	rcu_read_lock_sched();
	ns = vk_ns_of_current();
	if (likely(ns))
		bound = vk_handler_bound(VK_PARAMETER_FILE_MAX, ns);
	if (bound != VK_UNBOUND)
		pool = vk_pool_find(ns);
	/* The one that is found for the namespace is counted in @before as well. */
	if (pool)
		__refcount_inc(&pool->files, &before);
	rcu_read_unlock_sched();
	if (bound == VK_UNBOUND)
		return NULL;
	if (likely(pool && !pool->outer && before <= bound))
		return pool;
	if (pool)
		refcount_dec(&pool->files);
	return vk_pool_examine();
}

/* ---- Files ---- */

#define vk_each_place(place, bucket)					\
	for (place = (bucket)->place; place < (bucket)->place + ARRAY_SIZE((bucket)->place); place++)

static __always_inline unsigned int vk_bucket_of(const struct file *file)
{
	return hash_ptr(file, VK_BUCKET_BITS);
}

static __always_inline bool vk_opened_place(struct vk_bucket *bucket, const struct file *file,
					    struct vk_pool *pool)
{
	struct vk_place *place;

	vk_each_place(place, bucket) {
		if (READ_ONCE(place->file) || cmpxchg(&place->file, NULL, file))
			continue;
		place->pool = pool;
		return true;
	}
	return false;
}

static noinline bool vk_opened_add(struct vk_bucket *bucket, const struct file *file, struct vk_pool *pool)
{
	struct vk_opened *opened = kmalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return false;
	opened->file = file;
	opened->pool = pool;
	local_irq_disable();
	hlist_bl_lock(&bucket->more);
	hlist_bl_add_head(&opened->node, &bucket->more);
	hlist_bl_unlock(&bucket->more);
	local_irq_enable();
	return true;
}

/* False without memory. */
static __always_inline bool vk_opened_keep(const struct file *file, struct vk_pool *pool)
{
	unsigned int at = vk_bucket_of(file);
	struct vk_bucket *bucket = &vk_buckets[at];

	if (!vk_opened_place(bucket, file, pool) && !vk_opened_add(bucket, file, pool))
		return false;
	atomic_inc(&vk_bucket_files[at]);
	return true;
}

/* What current gets when it got @file, which @pool has counted already. */
static __always_inline struct file *vk_opened_count(struct file *file, struct vk_pool *pool)
{
	if (!IS_ERR(file) && likely(vk_opened_keep(file, pool)))
		return file;
	if (!IS_ERR(file)) {
		fput(file);
		file = ERR_PTR(-ENOMEM);
	}
	vk_pool_uncharge(pool);
	return file;
}

/* The original sleeps for memory. */
struct file *vk_handler_alloc_empty_file(int flags, const struct cred *cred)
{
	struct vk_pool *pool;
	struct file *file;

	vk_flight_begin(&vk_hook_alloc_empty_file);
	pool = vk_pool_of_current();
	if (IS_ERR(pool)) {
		file = ERR_CAST(pool);
	} else {
		file = static_call(vk_original_alloc_empty_file)(flags, cred);
		if (pool)
			file = vk_opened_count(file, pool);
	}
	vk_flight_end(&vk_hook_alloc_empty_file);
	return file;
}

/* The pool that counts it, or NULL. */
static __always_inline struct vk_pool *vk_opened_leave(struct vk_bucket *bucket,
						       const struct file *file)
{
	struct vk_place *place;
	struct vk_pool *pool;

	vk_each_place(place, bucket) {
		if (READ_ONCE(place->file) != file)
			continue;
		pool = place->pool;
		/* The next one writes its pool behind this. */
		smp_store_release(&place->file, NULL);
		return pool;
	}
	return NULL;
}

static noinline struct vk_pool *vk_opened_remove(struct vk_bucket *bucket, const struct file *file)
{
	struct vk_opened *opened, *found = NULL;
	struct vk_pool *pool = NULL;
	struct hlist_bl_node *at;
	unsigned long flags;

	local_irq_save(flags);
	hlist_bl_lock(&bucket->more);
	hlist_bl_for_each_entry(opened, at, &bucket->more, node) {
		if (opened->file != file)
			continue;
		found = opened;
		pool = opened->pool;
		hlist_bl_del(&opened->node);
		break;
	}
	hlist_bl_unlock(&bucket->more);
	local_irq_restore(flags);
	kfree(found);
	return pool;
}

/*
 * Of security/security.c; file_free() of anybody's file, in any context. Who has it got it from the
 * one that put it in here, so an empty bucket says that it is not in.
 */
notrace __noendbr void vk_before_security_file_free(struct file *file)
{
	unsigned int at = vk_bucket_of(file);
	struct vk_bucket *bucket;
	struct vk_pool *pool;

	if (!atomic_read(&vk_bucket_files[at]))
		return;
	bucket = &vk_buckets[at];
	pool = vk_opened_leave(bucket, file);
	if (!pool && !hlist_bl_empty(&bucket->more))
		pool = vk_opened_remove(bucket, file);
	if (!pool)
		return;
	atomic_dec(&vk_bucket_files[at]);
	vk_pool_uncharge(pool);
}

static void vk_bucket_forget(struct vk_bucket *bucket)
{
	struct hlist_bl_node *at, *next;
	struct vk_opened *opened;
	struct vk_place *place;

	vk_each_place(place, bucket)
		if (place->file)
			vk_pool_uncharge(place->pool);
	hlist_bl_for_each_entry_safe(opened, at, next, &bucket->more, node) {
		vk_pool_uncharge(opened->pool);
		kfree(opened);
	}
	memset(bucket, 0, sizeof(*bucket));
}

/* With the hooks out and drained: what is freed now is not seen. */
void vk_files_forget(void)
{
	struct hlist_node *next;
	struct vk_pool *pool;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vk_buckets); i++) {
		vk_bucket_forget(&vk_buckets[i]);
		atomic_set(&vk_bucket_files[i], 0);
	}
	spin_lock_irq(&vk_pools_lock);
	hash_for_each_safe(vk_pools, i, next, pool, node)
		vk_pool_let_go(pool);
	spin_unlock_irq(&vk_pools_lock);
}
