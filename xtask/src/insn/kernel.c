// SPDX-License-Identifier: GPL-2.0-only
/* Reads records of 15 bytes, and writes the length of each's instruction, or 0, in a byte. */

#include <stdio.h>
#include <string.h>
#include <asm/insn.h>

int main(void)
{
	unsigned char code[MAX_INSN_SIZE];
	struct insn insn;

	while (fread(code, 1, sizeof(code), stdin) == sizeof(code)) {
		int err = insn_decode(&insn, code, sizeof(code), INSN_MODE_64);

		putchar(err ? 0 : insn.length);
	}
	return ferror(stdin) || fflush(stdout);
}
