// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vote about a range that khugepaged is about to collapse: whose its small pages are. What
 * khugepaged does is in mm/khugepaged.c.
 *
 * It is asked after the scan and before the allocation, with no lock held. For the walk the mmap
 * lock is taken for reading, then the lock of the page table, as the scan did; for page cache RCU.
 * So it sleeps, and says so; the original is entered with nothing of ours on the stack.
 */
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/shmem_fs.h>
#include <linux/xarray.h>
#include "vk_series.h"

DEFINE_STATIC_CALL_NULL(vk_mm_find_pmd, *(pmd_t *(*)(struct mm_struct *, unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_pte_offset_map_lock,
			*(pte_t *(*)(struct mm_struct *, pmd_t *, unsigned long,
				     spinlock_t **))NULL);

void vk_vote_bind(void)
{
	VK_BIND_CALL(vk_mm_find_pmd, "mm_find_pmd");
	VK_BIND_CALL(vk_pte_offset_map_lock, "pte_offset_map_lock");
}

/* A range of anonymous memory, or of a file if there is a mapping. */
struct vk_range {
	struct mm_struct *mm;
	unsigned long start;
	unsigned int pages;
	unsigned long vm_flags;
	struct address_space *mapping;
	pgoff_t index;
};

const void *vk_range_mm(const void *range)
{
	return ((const struct vk_range *)range)->mm;
}

unsigned int vk_range_pages(const void *range)
{
	return ((const struct vk_range *)range)->pages;
}

unsigned long vk_range_vm_flags(const void *range)
{
	return ((const struct vk_range *)range)->vm_flags;
}

bool vk_range_is_shmem(const void *p)
{
	const struct vk_range *range = p;

	return range->mapping && shmem_mapping(range->mapping);
}

const void *vk_range_memcg(const void *p)
{
	const struct vk_range *range = p;
	struct task_struct *owner = rcu_dereference(range->mm->owner);
	struct mem_cgroup *memcg = owner ? mem_cgroup_from_task(owner) : NULL;

	return memcg && !mem_cgroup_is_root(memcg) ? memcg : NULL;
}

/* A run of small pages with one owner, while it grows. */
struct vk_run {
	const void *memcg;
	unsigned int pages;
	vk_range_found found;
	void *data;
};

static void vk_run_ends(struct vk_run *run)
{
	if (run->pages)
		run->found(run->memcg, run->pages, run->data);
	run->pages = 0;
}

static __always_inline void vk_run_adds(struct vk_run *run, struct folio *folio,
					unsigned int pages)
{
	const void *memcg = vk_folio_memcg(folio);

	if (memcg != run->memcg) {
		vk_run_ends(run);
		run->memcg = memcg;
	}
	run->pages += pages;
}

/*
 * Entries that are empty, in swap, or the zero page, which is special, have no vote. Whatever else is
 * present has a struct page: the VMA maps no bare frames.
 */
static void vk_range_each_anonymous(const struct vk_range *range, struct vk_run *run)
{
	pmd_t *pmd = static_call(vk_mm_find_pmd)(range->mm, range->start);
	spinlock_t *ptl;
	unsigned int i;
	pte_t *pte;

	pte = pmd ? static_call(vk_pte_offset_map_lock)(range->mm, pmd, range->start, &ptl) : NULL;
	if (!pte)
		return;
	for (i = 0; i < range->pages; i++) {
		pte_t entry = ptep_get(pte + i);

		if (pte_present(entry) && !pte_special(entry))
			vk_run_adds(run, page_folio(pte_page(entry)), 1);
	}
	vk_run_ends(run);
	pte_unmap_unlock(pte, ptl);
}

static void vk_range_each_cached(const struct vk_range *range, struct vk_run *run)
{
	XA_STATE(xas, &range->mapping->i_pages, range->index);
	pgoff_t last = range->index + range->pages - 1;
	struct folio *folio;

	xas_for_each(&xas, folio, last) {
		pgoff_t first, end;

		if (xas_retry(&xas, folio) || xa_is_value(folio))
			continue;
		/* The part of a large one that lies in the range. */
		first = max(folio->index, range->index);
		end = min(folio->index + folio_nr_pages(folio) - 1, last);
		if (end >= first)
			vk_run_adds(run, folio, end - first + 1);
	}
	vk_run_ends(run);
}

void vk_range_each(const void *p, vk_range_found found, void *data)
{
	const struct vk_range *range = p;
	struct vk_run run = { .found = found, .data = data };

	rcu_read_lock();
	if (range->mapping)
		vk_range_each_cached(range, &run);
	else
		vk_range_each_anonymous(range, &run);
	rcu_read_unlock();
}

/* The VMA at the start of the range, with the range in it; under the mmap lock. */
static struct vm_area_struct *vk_range_vma(const struct vk_range *range)
{
	struct vm_area_struct *vma;

	/* As collapse_test_exit(): the page tables are about to go. */
	if (!atomic_read(&range->mm->mm_users))
		return NULL;
	vma = find_vma(range->mm, range->start);
	if (!vma || range->start < vma->vm_start ||
	    range->start + range->pages * PAGE_SIZE > vma->vm_end)
		return NULL;
	return vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP) ? NULL : vma;
}

/*
 * Whether the range is denied. What changed since the scan is for the original to find: it looks
 * at everything again under its own locks.
 */
static bool vk_range_is_denied(struct vk_range *range)
{
	struct vm_area_struct *vma;
	bool is_denied = false;

	mmap_read_lock(range->mm);
	vma = vk_range_vma(range);
	if (vma && (range->mapping ? vma->vm_file && vma->vm_file->f_mapping == range->mapping :
				     vma_is_anonymous(vma))) {
		range->vm_flags = vma->vm_flags;
		is_denied = !vk_handler_vote(range);
	}
	mmap_read_unlock(range->mm);
	return is_denied;
}

/* cc->is_khugepaged, its first field: MADV_COLLAPSE is the program's own word. */
static bool vk_is_khugepaged(const void *cc)
{
	return *(const bool *)cc;
}

/*
 * SCAN_FAIL of mm/khugepaged.c: khugepaged goes on with the next range. Not
 * SCAN_ALLOC_HUGE_PAGE_FAIL, after which it sleeps for a minute.
 */
#define VK_SCAN_FAIL 0
#define VK_GO_ON (-1)

static int vk_range_ask(struct vk_range *range, const void *cc, unsigned int hook)
{
	bool is_denied;
	int slot;

	if (!vk_is_khugepaged(cc))
		return VK_GO_ON;
	slot = vk_flight_enter(hook);
	is_denied = vk_range_is_denied(range);
	vk_flight_leave(hook, slot);
	return is_denied ? VK_SCAN_FAIL : VK_GO_ON;
}

/* Entered without a lock. */
int vk_ask_collapse_huge_page(struct mm_struct *mm, unsigned long start, int referenced,
			      int unmapped, void *cc, unsigned int order)
{
	struct vk_range range = { .mm = mm, .start = start, .pages = 1U << order };

	return vk_range_ask(&range, cc, vk_hook_collapse_huge_page.id);
}

/*
 * In the place of the former where that is inlined: entered with the mmap lock held for reading,
 * which is kept, for each candidate of the scan.
 */
int vk_ask_collapse_single_pmd(unsigned long start, struct vm_area_struct *vma, bool *lock_dropped,
			       void *cc)
{
	struct vk_range range = {
		.mm = vma->vm_mm, .start = start, .pages = HPAGE_PMD_NR, .vm_flags = vma->vm_flags,
	};

	if (!vk_is_khugepaged(cc) || !vma_is_anonymous(vma) ||
	    (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)))
		return VK_GO_ON;
	/* Nothing sleeps here. */
	return vk_handler_vote(&range) ? VK_GO_ON : VK_SCAN_FAIL;
}

/* Entered without a lock; @file is held. */
int vk_ask_collapse_file(struct mm_struct *mm, unsigned long start, struct file *file,
			 unsigned long index, void *cc)
{
	struct vk_range range = {
		.mm = mm, .start = start, .pages = HPAGE_PMD_NR,
		.mapping = file->f_mapping, .index = index,
	};

	return vk_range_ask(&range, cc, vk_hook_collapse_file.id);
}
