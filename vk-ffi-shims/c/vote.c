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
#include <linux/pagemap.h>
#include <linux/pgtable.h>
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

/* How many owners are counted at once: a fork, or a memfd, has two as a rule. */
#define VK_VOTERS 4

/* The small pages of one owner. @word is what their folios have of him; without pages, nobody's. */
struct vk_voter {
	unsigned long word;
	const void *memcg;
	unsigned int pages;
};

/* The small pages of a range by owner, so that each owner is looked up once. */
struct vk_census {
	struct vk_voter voters[VK_VOTERS];
	struct vk_voter *latest;
	struct vk_voter *oldest;
	vk_range_found found;
	void *data;
};

#define vk_census_each(voter, census)					\
	for (voter = (census)->voters; voter < (census)->voters + VK_VOTERS; voter++)

static noinline void vk_voter_tell(struct vk_voter *voter, const struct vk_census *census)
{
	if (voter->pages)
		census->found(voter->memcg, voter->pages, census->data);
	voter->pages = 0;
}

/* Counts another owner from now on, in the place of the oldest. */
static noinline struct vk_voter *vk_census_enrol(struct vk_census *census, struct folio *folio,
						 unsigned long word)
{
	struct vk_voter *voter = census->oldest;

	census->oldest = voter + 1 < census->voters + VK_VOTERS ? voter + 1 : census->voters;
	vk_voter_tell(voter, census);
	voter->word = word;
	voter->memcg = vk_folio_memcg(folio);
	return voter;
}

static __always_inline struct vk_voter *vk_census_find(struct vk_census *census,
						       struct folio *folio, unsigned long word)
{
	struct vk_voter *voter;

	vk_census_each(voter, census)
		if (voter->word == word)
			return voter;
	return vk_census_enrol(census, folio, word);
}

/* Two words may be of one memory cgroup, which is then told twice; one word is never of two. */
static __always_inline void vk_census_add(struct vk_census *census, struct folio *folio,
					  unsigned int pages)
{
	unsigned long word = READ_ONCE(folio->memcg_data);

	if (word != census->latest->word)
		census->latest = vk_census_find(census, folio, word);
	census->latest->pages += pages;
}

/*
 * Entries that are empty, in swap, or the zero page, which is special, have no vote. Whatever else is
 * present has a struct page: the VMA maps no bare frames.
 */
static void vk_range_count_anonymous(const struct vk_range *range, struct vk_census *census)
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
			vk_census_add(census, page_folio(pte_page(entry)), 1);
	}
	pte_unmap_unlock(pte, ptl);
}

static void vk_range_count_cached(const struct vk_range *range, struct vk_census *census)
{
	XA_STATE(xas, &range->mapping->i_pages, range->index);
	pgoff_t last = range->index + range->pages - 1;
	struct folio *folio;

	xas_for_each(&xas, folio, last) {
		pgoff_t first, end;

		if (xas_retry(&xas, folio) || xa_is_value(folio))
			continue;
		if (likely(!folio_test_large(folio))) {
			vk_census_add(census, folio, 1);
			continue;
		}
		/* The part that lies in the range. */
		first = max(folio->index, range->index);
		end = min(folio->index + folio_nr_pages(folio) - 1, last);
		if (end >= first)
			vk_census_add(census, folio, end - first + 1);
	}
}

void vk_range_each(const void *p, vk_range_found found, void *data)
{
	const struct vk_range *range = p;
	struct vk_census census = {
		.latest = census.voters, .oldest = census.voters, .found = found, .data = data,
	};
	struct vk_voter *voter;

	rcu_read_lock();
	if (range->mapping)
		vk_range_count_cached(range, &census);
	else
		vk_range_count_anonymous(range, &census);
	vk_census_each(voter, &census)
		vk_voter_tell(voter, &census);
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

/* Whether there are small pages to ask about: not in an empty range, nor in a huge page. */
static bool vk_range_has_table(const struct vk_range *range)
{
	pmd_t *pmd = static_call(vk_mm_find_pmd)(range->mm, range->start);
	pmd_t entry = pmd ? pmdp_get_lockless(pmd) : __pmd(0);

	return pmd_present(entry) && !pmd_leaf(entry);
}

static bool vk_range_is_huge(const struct vk_range *range)
{
	struct folio *folio;
	bool is_huge;

	rcu_read_lock();
	folio = xa_load(&range->mapping->i_pages, range->index);
	is_huge = folio && !xa_is_value(folio) && folio_nr_pages(folio) >= range->pages;
	rcu_read_unlock();
	return is_huge;
}

/*
 * In the place of the other two where those are inlined, for each candidate of the scan: entered
 * with the mmap lock held for reading. After a denial that is given back, as after a collapse, so
 * that nobody waits for it while many candidates are denied.
 */
int vk_ask_collapse_single_pmd(unsigned long start, struct vm_area_struct *vma, bool *lock_dropped,
			       void *cc)
{
	struct vk_range range = {
		.mm = vma->vm_mm, .start = start, .pages = HPAGE_PMD_NR, .vm_flags = vma->vm_flags,
	};
	bool is_file = !vma_is_anonymous(vma);

	if (!vk_is_khugepaged(cc) || (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)))
		return VK_GO_ON;
	if (!vk_feature_refusal[is_file ? VK_FEATURE_THP_VOTE_FILE : VK_FEATURE_THP_VOTE])
		return VK_GO_ON;
	if (is_file) {
		range.mapping = vma->vm_file->f_mapping;
		range.index = linear_page_index(vma, start);
	}
	if (is_file ? vk_range_is_huge(&range) : !vk_range_has_table(&range))
		return VK_GO_ON;
	/* Nothing sleeps here. */
	if (vk_handler_vote(&range))
		return VK_GO_ON;
	mmap_read_unlock(range.mm);
	*lock_dropped = true;
	return VK_SCAN_FAIL;
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
