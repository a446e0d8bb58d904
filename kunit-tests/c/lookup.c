// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own tables, and a clock, to compare one lookup by an object's address. */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <asm/msr.h>
#include "vk_kunit.h"

/* About as large as a struct pid_namespace, so that the addresses are as slabs hand them out. */
struct vk_item {
	unsigned long key;
	struct hlist_node hlist;
	struct rhash_head rhash;
	unsigned char rest[192];
};

static const struct rhashtable_params vk_params = {
	.key_len = sizeof(unsigned long),
	.key_offset = offsetof(struct vk_item, key),
	.head_offset = offsetof(struct vk_item, rhash),
};

struct vk_tables {
	unsigned int count;
	unsigned int bits;
	struct vk_item **items;
	struct hlist_head *heads;
	struct rhashtable rhash;
	struct xarray xarray;
};

u64 vk_kunit_ticks(void (*run)(void *data), void *data)
{
	unsigned long flags;
	u64 start, end;

	local_irq_save(flags);
	start = rdtsc_ordered();
	run(data);
	end = rdtsc_ordered();
	local_irq_restore(flags);
	return end - start;
}

static bool vk_tables_add(struct vk_tables *t, struct vk_item *item)
{
	item->key = (unsigned long)item;
	hlist_add_head_rcu(&item->hlist, &t->heads[hash_ptr(item, t->bits)]);
	if (xa_err(xa_store(&t->xarray, item->key, item, GFP_KERNEL)))
		return false;
	return !rhashtable_insert_fast(&t->rhash, &item->rhash, vk_params);
}

struct vk_tables *vk_kunit_tables_new(unsigned int count, unsigned int bits)
{
	struct vk_tables *t = kzalloc(sizeof(*t), GFP_KERNEL);
	unsigned int i;

	if (!t)
		return NULL;
	t->bits = bits;
	xa_init(&t->xarray);
	t->items = kvcalloc(count, sizeof(*t->items), GFP_KERNEL);
	t->heads = kvcalloc(1 << bits, sizeof(*t->heads), GFP_KERNEL);
	if (!t->items || !t->heads || rhashtable_init(&t->rhash, &vk_params)) {
		kvfree(t->items);
		kvfree(t->heads);
		kfree(t);
		return NULL;
	}
	for (i = 0; i < count; i++) {
		t->items[i] = kzalloc(sizeof(*t->items[i]), GFP_KERNEL);
		if (!t->items[i] || !vk_tables_add(t, t->items[i])) {
			kfree(t->items[i]);
			vk_kunit_tables_free(t);
			return NULL;
		}
		t->count++;
	}
	return t;
}

void vk_kunit_tables_free(struct vk_tables *t)
{
	unsigned int i;

	rhashtable_destroy(&t->rhash);
	xa_destroy(&t->xarray);
	for (i = 0; i < t->count; i++)
		kfree(t->items[i]);
	kvfree(t->items);
	kvfree(t->heads);
	kfree(t);
}

unsigned long vk_kunit_tables_key(const struct vk_tables *t, unsigned int i)
{
	return i < t->count ? (unsigned long)t->items[i] : 0;
}

struct vk_question {
	struct vk_tables *tables;
	unsigned long key;
	void *found;
};

static void vk_find_hlist(void *data)
{
	struct vk_question *q = data;
	struct vk_tables *t = q->tables;
	struct vk_item *item;

	hlist_for_each_entry_rcu(item, &t->heads[hash_ptr((void *)q->key, t->bits)], hlist) {
		if (item->key == q->key) {
			q->found = item;
			return;
		}
	}
	q->found = NULL;
}

static void vk_find_rhash(void *data)
{
	struct vk_question *q = data;

	q->found = rhashtable_lookup(&q->tables->rhash, &q->key, vk_params);
}

static void vk_find_xarray(void *data)
{
	struct vk_question *q = data;

	q->found = xa_load(&q->tables->xarray, q->key);
}

u64 vk_kunit_tables_ticks(struct vk_tables *t, unsigned int kind, unsigned long key, bool *found)
{
	static void (*const find[])(void *data) = {
		vk_find_hlist, vk_find_rhash, vk_find_xarray,
	};
	struct vk_question q = { .tables = t, .key = key };
	u64 ticks;

	if (kind >= ARRAY_SIZE(find))
		return 0;
	rcu_read_lock();
	ticks = vk_kunit_ticks(find[kind], &q);
	rcu_read_unlock();
	*found = q.found;
	return ticks;
}
