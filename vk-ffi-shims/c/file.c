// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs.nr_open: how many descriptors a process may have. The kernel's own is fs/file.c and
 * kernel/sys.c.
 */
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/resource.h>
#include <linux/slab.h>
#include "vk_limit.h"

/* Called by the stubs alone. */
long vk_judge_expand_files(struct files_struct *files, unsigned int nr);
long vk_judge_do_prlimit(void *task, unsigned int resource, const struct rlimit *new_rlim);
struct fdtable *vk_handler_alloc_fdtable(unsigned int slots_wanted);

/*
 * Under files->file_lock. Tests `nr >= nr_open` where the table has to grow. So does alloc_fdtable()
 * below, but who has threads has waited for a grace period then.
 */
long vk_judge_expand_files(struct files_struct *files, unsigned int nr)
{
	if (nr < files_fdtable(files)->max_fds)
		return 0;
	return vk_exceeds_current(VK_PARAMETER_NR_OPEN, nr + 1ULL) ? -EMFILE : 0;
}

/* What the one who asks may give, whoever gets it. */
long vk_judge_do_prlimit(void *task, unsigned int resource, const struct rlimit *new_rlim)
{
	if (!new_rlim || resource != RLIMIT_NOFILE || new_rlim->rlim_cur > new_rlim->rlim_max)
		return 0;
	return vk_exceeds_current(VK_PARAMETER_NR_OPEN, new_rlim->rlim_max) ? -EPERM : 0;
}

/* A table of @nr, a multiple of BITS_PER_LONG, as alloc_fdtable() makes it. */
static struct fdtable *vk_fdtable(unsigned int nr)
{
	unsigned int words = nr / BITS_PER_LONG;
	struct fdtable *fdt = kmalloc(sizeof(*fdt), GFP_KERNEL_ACCOUNT);
	unsigned long *bits;

	if (!fdt)
		return ERR_PTR(-ENOMEM);
	fdt->max_fds = nr;
	fdt->fd = kvmalloc_array(nr, sizeof(struct file *), GFP_KERNEL_ACCOUNT);
	bits = kvmalloc_array(2 * words + BITS_TO_LONGS(words), sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!fdt->fd || !bits) {
		kvfree(bits);
		kvfree(fdt->fd);
		kfree(fdt);
		return ERR_PTR(-ENOMEM);
	}
	fdt->open_fds = bits;
	fdt->close_on_exec = bits + words;
	fdt->full_fds_bits = bits + 2 * words;
	return fdt;
}

/*
 * Grows a table to a power of two, but not beyond the limit. The original does that with the host's,
 * or with what that was widened to. It sleeps for memory.
 */
struct fdtable *vk_handler_alloc_fdtable(unsigned int slots_wanted)
{
	unsigned long long limit;
	struct fdtable *fdt;
	unsigned int nr;

	vk_flight_begin(&vk_hook_alloc_fdtable);
	if (!vk_value_current(VK_PARAMETER_NR_OPEN, &limit) ||
	    roundup_pow_of_two(slots_wanted) <= limit) {
		fdt = vk_original_alloc_fdtable(slots_wanted);
	} else {
		nr = round_down((unsigned int)limit, BITS_PER_LONG);
		fdt = nr < slots_wanted ? ERR_PTR(-EMFILE) : vk_fdtable(nr);
	}
	vk_flight_end(&vk_hook_alloc_fdtable);
	return fdt;
}
