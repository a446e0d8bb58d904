// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches of objects of one size.
 */
#include <linux/slab.h>
#include "vk_shims.h"

/*
 * What has a constructor is not zeroed by the allocator (init_on_alloc=1): whoever takes an object
 * writes all of it.
 */
static void vk_cache_made(void *object)
{
}

void *vk_cache_create(const char *name, unsigned int size, unsigned int align)
{
	return kmem_cache_create(name, size, align, 0, vk_cache_made);
}

void *vk_cache_alloc(void *cache, bool may_sleep)
{
	return kmem_cache_alloc(cache, may_sleep ? GFP_KERNEL : GFP_ATOMIC);
}

void vk_cache_destroy(void *cache)
{
	kmem_cache_destroy(cache);
}
