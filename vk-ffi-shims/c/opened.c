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
 * stays until its namespace ends, though no file is open.
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

/* How many files a namespace, and those below it, have open. */
struct vk_pool {
	struct hlist_node node;
	struct rcu_head rcu;
	struct vk_pool *outer;		/* of the parent, which counts the same files and more */
	u64 ns;				/* its number, which is never used again */
	refcount_t files;		/* and one more while it is held; never 0 */
	bool is_held;			/* the namespace has not ended; written under the lock */
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
#define VK_PLACES 3
struct vk_bucket {
	struct hlist_bl_head more;
	const struct file *file[VK_PLACES];
	struct vk_pool *pool[VK_PLACES];
};

static DEFINE_HASHTABLE(vk_pools, 8);
static DEFINE_SPINLOCK(vk_pools_lock);
static unsigned int vk_pools_held;

#define VK_BUCKET_BITS 11
static struct vk_bucket vk_buckets[1 << VK_BUCKET_BITS];
/* How many files are in each, those without a place too. */
static atomic_t vk_bucket_files[1 << VK_BUCKET_BITS];

/* Called by the stubs alone. */
struct file *vk_handler_alloc_empty_file(int flags, const struct cred *cred);
void vk_before_security_file_free(struct file *file);

/* ---- Pools ---- */

/* Under RCU, also that of the scheduler, or the lock. */
static struct vk_pool *vk_pool_find(u64 ns)
{
	struct vk_pool *pool;

	hash_for_each_possible_rcu(vk_pools, pool, node, ns,
				   lockdep_is_held(&vk_pools_lock) || rcu_read_lock_sched_held())
		if (pool->ns == ns)
			return pool;
	return NULL;
}

/* Counts one file more in the pool that is there. */
static struct vk_pool *vk_pool_join(u64 ns)
{
	struct vk_pool *pool;

	rcu_read_lock();
	pool = vk_pool_find(ns);
	if (pool && !refcount_inc_not_zero(&pool->files))
		pool = NULL;
	rcu_read_unlock();
	return pool;
}

/* Under the lock. The file that made it is the second. */
static void vk_pool_add(struct vk_pool *pool)
{
	refcount_set(&pool->files, 2);
	pool->is_held = true;
	hash_add_rcu(vk_pools, &pool->node, pool->ns);
	vk_pools_held++;
}

/* Under the lock. No task is in its namespace, or the hooks are out. */
static void vk_pool_let_go(struct vk_pool *pool)
{
	if (!pool->is_held)
		return;
	WRITE_ONCE(pool->is_held, false);
	vk_pools_held--;
	if (!refcount_dec_and_test(&pool->files))
		return;
	hash_del_rcu(&pool->node);
	kfree_rcu(pool, rcu);
}

/* Counts one file more for @ns, which @outer counts already. NULL without memory. */
static struct vk_pool *vk_pool_charge(u64 ns, struct vk_pool *outer)
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

/* One file less, in @pool and in those around it. */
static void vk_pool_uncharge(struct vk_pool *pool)
{
	struct vk_pool *outer;
	unsigned long flags;

	for (; pool; pool = outer) {
		outer = pool->outer;
		if (!refcount_dec_and_lock_irqsave(&pool->files, &vk_pools_lock, &flags))
			continue;
		hash_del_rcu(&pool->node);
		spin_unlock_irqrestore(&vk_pools_lock, flags);
		kfree_rcu(pool, rcu);
	}
}

unsigned int vk_ns_files(const void *ns)
{
	struct vk_pool *pool;
	unsigned int files;

	rcu_read_lock();
	pool = vk_pool_find(vk_ns_id(ns));
	files = pool ? refcount_read(&pool->files) - READ_ONCE(pool->is_held) : 0;
	rcu_read_unlock();
	return files;
}

/* The namespace has ended: an RCU callback. */
void vk_files_end(const void *ns)
{
	struct vk_pool *pool;
	unsigned long flags;

	if (!READ_ONCE(vk_pools_held))
		return;
	spin_lock_irqsave(&vk_pools_lock, flags);
	pool = vk_pool_find(vk_ns_id(ns));
	if (pool)
		vk_pool_let_go(pool);
	spin_unlock_irqrestore(&vk_pools_lock, flags);
}

/* ---- Who opens ---- */

/* The numbers of the namespaces of current, the innermost first; none if it has no value. */
static unsigned int vk_lineage_of_current(u64 numbers[MAX_PID_NS_LEVEL])
{
	unsigned long long value;
	unsigned int depth = 0;
	const void *ns;

	rcu_read_lock();
	ns = vk_subject_current();
	if (ns && vk_handler_value(VK_PARAMETER_FILE_MAX, ns, &value))
		for (; ns && depth < MAX_PID_NS_LEVEL; ns = vk_ns_parent(ns))
			numbers[depth++] = vk_ns_id(ns);
	rcu_read_unlock();
	return depth;
}

/* The outermost first: a pool lives while one inside it does. */
static struct vk_pool *vk_pool_of_lineage(const u64 *numbers, unsigned int depth)
{
	struct vk_pool *pool = NULL, *outer;

	while (depth--) {
		outer = pool;
		pool = vk_pool_charge(numbers[depth], outer);
		if (!pool) {
			vk_pool_uncharge(outer);
			return NULL;
		}
	}
	return pool;
}

/* The pool of current if that counts one file more, of at most @bound, and nobody around it counts. */
static struct vk_pool *vk_pool_glance(unsigned long long bound)
{
	const struct pid_namespace *ns;
	struct vk_pool *pool = NULL;
	int before;

	rcu_read_lock_sched();
	ns = vk_subject_current();
	if (ns && ns->level == 1)
		pool = vk_pool_find(vk_ns_id(ns));
	if (pool && !__refcount_inc_not_zero(&pool->files, &before))
		pool = NULL;
	rcu_read_unlock_sched();
	/* The namespace lives, and holds it. */
	if (!pool || before <= bound)
		return pool;
	vk_pool_uncharge(pool);
	return NULL;
}

/*
 * Counts a file that current is about to get: NULL if nobody wants to know, or why it must not have
 * one. Counted first and compared then, so that two at once do not come to more than the value.
 */
static struct vk_pool *vk_pool_of_current(void)
{
	unsigned long long bound = vk_bound(VK_PARAMETER_FILE_MAX, NULL);
	u64 numbers[MAX_PID_NS_LEVEL];
	struct vk_pool *pool;
	unsigned int depth;

	if (bound == VK_UNBOUND)
		return NULL;
	pool = vk_pool_glance(bound);
	if (likely(pool))
		return pool;
	depth = vk_lineage_of_current(numbers);
	if (!depth)
		return NULL;
	pool = vk_pool_of_lineage(numbers, depth);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	if (!vk_forbids_current(VK_PARAMETER_FILE_MAX, 0) || capable(CAP_SYS_ADMIN))
		return pool;
	vk_pool_uncharge(pool);
	return ERR_PTR(-ENFILE);
}

/* ---- Files ---- */

static unsigned int vk_bucket_of(const struct file *file)
{
	return hash_ptr(file, VK_BUCKET_BITS);
}

static bool vk_opened_place(struct vk_bucket *bucket, const struct file *file,
			    struct vk_pool *pool)
{
	unsigned int i;

	for (i = 0; i < VK_PLACES; i++) {
		if (READ_ONCE(bucket->file[i]) || cmpxchg(&bucket->file[i], NULL, file))
			continue;
		bucket->pool[i] = pool;
		return true;
	}
	return false;
}

static bool vk_opened_add(struct vk_bucket *bucket, const struct file *file, struct vk_pool *pool)
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
static bool vk_opened_keep(const struct file *file, struct vk_pool *pool)
{
	unsigned int at = vk_bucket_of(file);
	struct vk_bucket *bucket = &vk_buckets[at];

	if (!vk_opened_place(bucket, file, pool) && !vk_opened_add(bucket, file, pool))
		return false;
	atomic_inc(&vk_bucket_files[at]);
	return true;
}

/* The original sleeps. */
struct file *vk_handler_alloc_empty_file(int flags, const struct cred *cred)
{
	int slot = vk_flight_enter(vk_hook_alloc_empty_file.id);
	struct vk_pool *pool = vk_pool_of_current();
	struct file *file;

	if (IS_ERR(pool)) {
		file = ERR_CAST(pool);
	} else {
		file = vk_original_alloc_empty_file(flags, cred);
		if (pool && !IS_ERR(file) && !vk_opened_keep(file, pool)) {
			fput(file);
			file = ERR_PTR(-ENOMEM);
		}
		if (pool && IS_ERR(file))
			vk_pool_uncharge(pool);
	}
	vk_flight_leave(vk_hook_alloc_empty_file.id, slot);
	return file;
}

/* The pool that counts it, or NULL. */
static struct vk_pool *vk_opened_leave(struct vk_bucket *bucket, const struct file *file)
{
	struct vk_pool *pool;
	unsigned int i;

	for (i = 0; i < VK_PLACES; i++) {
		if (READ_ONCE(bucket->file[i]) != file)
			continue;
		pool = bucket->pool[i];
		/* The next one writes its pool behind this. */
		smp_store_release(&bucket->file[i], NULL);
		return pool;
	}
	return NULL;
}

static struct vk_pool *vk_opened_remove(struct vk_bucket *bucket, const struct file *file)
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
notrace void vk_before_security_file_free(struct file *file)
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
	unsigned int i;

	for (i = 0; i < VK_PLACES; i++)
		if (bucket->file[i])
			vk_pool_uncharge(bucket->pool[i]);
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
