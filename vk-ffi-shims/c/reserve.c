// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_NORESERVE and SHM_NORESERVE: do_mmap() of mm/mmap.c and newseg() of ipc/shm.c honour them
 * unless the host is in mode 2, so in front of them stands what the container's mode wants.
 *
 * Hugetlb takes both flags as a word on its own pool, whatever the mode: left alone.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <uapi/linux/shm.h>
#include "vk_series.h"

void vk_handler_do_mmap(unsigned long *words);
void vk_handler_newseg(unsigned long *words);

__weak notrace int vk_handler_reserve(const void *mm)
{
	return VK_RESERVE_AS_HOST;
}

/*
 * do_mmap(file, addr, len, prot, flags, vm_flags, ...) with MAP_NORESERVE: process context, the
 * mmap lock of current held.
 */
notrace void vk_handler_do_mmap(unsigned long *words)
{
	const struct file *file = (const struct file *)words[0];

	if (file && is_file_hugepages(file))
		return;
	switch (vk_handler_reserve(current->mm)) {
	case VK_RESERVE_HONOURED:
		words[5] |= VM_NORESERVE;
		break;
	case VK_RESERVE_IGNORED:
		words[4] &= ~(unsigned long)MAP_NORESERVE;
		break;
	}
}

/* The beginning of struct ipc_params, which is private to ipc/: its BTF is compared. */
struct vk_ipc_params {
	key_t key;
	int flg;
};

/*
 * newseg(ns, params) with SHM_NORESERVE: process context, shm_ids.rwsem held. The params are on the
 * stack of shmget(2), which reads flg no more after this.
 *
 * There is no way to have the flag honoured while the host is in mode 2: the segment is charged
 * then, which modes 0 and 1 admit.
 */
notrace void vk_handler_newseg(unsigned long *words)
{
	struct vk_ipc_params *params = (struct vk_ipc_params *)words[1];

	if (params->flg & SHM_HUGETLB)
		return;
	if (vk_handler_reserve(NULL) == VK_RESERVE_IGNORED)
		params->flg &= ~SHM_NORESERVE;
}
