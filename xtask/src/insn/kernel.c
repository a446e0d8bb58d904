// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without arguments, reads records of 15 bytes, and writes the length of each's instruction, or 0,
 * in a byte; with one argument, each before the next is read. With a file and a number, decodes the
 * file so many times and prints the nanoseconds of processor time.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <asm/insn.h>

static int lengths(void)
{
	unsigned char code[MAX_INSN_SIZE];
	struct insn insn;

	while (fread(code, 1, sizeof(code), stdin) == sizeof(code)) {
		int err = insn_decode(&insn, code, sizeof(code), INSN_MODE_64);

		putchar(err ? 0 : insn.length);
	}
	return ferror(stdin) || fflush(stdout);
}

static void walk(const unsigned char *text, size_t len)
{
	struct insn insn;
	size_t at = 0;

	while (at < len) {
		size_t left = len - at;
		int max = left < MAX_INSN_SIZE ? left : MAX_INSN_SIZE;
		int err = insn_decode(&insn, text + at, max, INSN_MODE_64);

		at += err ? 1 : insn.length;
	}
}

static int timed(const char *path, long times)
{
	struct timespec begin, end;
	FILE *file = fopen(path, "rb");
	unsigned char *text;
	long len;

	if (!file || fseek(file, 0, SEEK_END) || (len = ftell(file)) <= 0)
		return 1;
	rewind(file);
	text = malloc(len);
	if (!text || fread(text, 1, len, file) != (size_t)len)
		return 1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	while (times--)
		walk(text, len);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	printf("%lld\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
	return fclose(file) || fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		setvbuf(stdout, NULL, _IONBF, 0);
	return argc == 3 ? timed(argv[1], atol(argv[2])) : lengths();
}
