// SPDX-License-Identifier: GPL-2.0-only
/*
 * Says of each case what the kernel's own functions say of it: `answer CASES ANSWERS`.
 *
 * The functions are in kernel.inc, cut out of the kernel's source when the check runs. Here are the
 * types and globals that they name, as few as will do. The order of the words is that of case.rs.
 */
#include <stdio.h>

#define PAGE_SHIFT 12
#define ENOMEM 12
#define OVERCOMMIT_GUESS 0
#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER 2

#define READ_ONCE(word) (word)
#define min_t(type, one, other) \
	({ type _one = (one); type _other = (other); _one < _other ? _one : _other; })
#define pr_warn_ratelimited(format, ...) ((void)bytes_failed)

typedef long long s64;

struct mm_struct {
	unsigned long total_vm;
};

struct percpu_counter {
	s64 count;
};

static int sysctl_overcommit_memory;
static int sysctl_overcommit_ratio;
static unsigned long sysctl_overcommit_kbytes;
static unsigned long sysctl_admin_reserve_kbytes;
static unsigned long sysctl_user_reserve_kbytes;
static unsigned long ram, hugetlb;
static long total_swap_pages;
static struct percpu_counter vm_committed_as;
static const int vm_committed_as_batch = 32;

static unsigned long totalram_pages(void)
{
	return ram;
}

static unsigned long hugetlb_total_pages(void)
{
	return hugetlb;
}

/* All of it is in the common counter, as if no CPU kept a part to itself. */
static void percpu_counter_add_batch(struct percpu_counter *fbc, s64 amount, int batch)
{
	(void)batch;
	fbc->count += amount;
}

#include "kernel.inc"

int main(int argc, char **argv)
{
	FILE *cases = argc == 3 ? fopen(argv[1], "rb") : NULL;
	FILE *answers = argc == 3 ? fopen(argv[2], "wb") : NULL;
	unsigned long word[13];

	if (!cases || !answers)
		return 2;
	while (fread(word, sizeof(word), 1, cases) == 1) {
		const struct mm_struct mm = { .total_vm = word[12] };
		unsigned long answer[3];

		sysctl_overcommit_memory = word[0];
		sysctl_overcommit_ratio = word[1];
		sysctl_overcommit_kbytes = word[2];
		sysctl_admin_reserve_kbytes = word[3];
		sysctl_user_reserve_kbytes = word[4];
		ram = word[5];
		hugetlb = word[6];
		total_swap_pages = word[7];
		vm_committed_as.count = word[8];

		answer[0] = vm_commit_limit();
		answer[1] = __vm_enough_memory(word[11] ? &mm : NULL, word[9], word[10]);
		answer[2] = vm_committed_as.count;
		if (fwrite(answer, sizeof(answer), 1, answers) != 1)
			return 1;
	}
	return fclose(answers) || ferror(cases);
}
