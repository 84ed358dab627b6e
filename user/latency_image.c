// SPDX-License-Identifier: BSD-2-Clause
/* Makes the image of bench-latency's container in memory. It never asks a registry and never writes
 * a file. */
#include "user/latency_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* POSIX ustar (pax(1)): everything is in blocks of this size, and two empty ones end it. */
#define BLOCK 512U
#define CHECKSUM_AT 148
#define CHECKSUM_LEN 8
/* A busybox has two. */
#define PROGRAM_MAX_BYTES (16U << 20)

/* Linked to nothing that the image would lack? */
static int is_static(const char *bytes, size_t len)
{
	const Elf64_Ehdr *header = (const void *)bytes;
	const Elf64_Phdr *parts;

	if (len < sizeof(*header) || memcmp(bytes, ELFMAG, SELFMAG) != 0 ||
	    bytes[EI_CLASS] != ELFCLASS64 || header->e_phoff > len ||
	    header->e_phnum > (len - header->e_phoff) / sizeof(*parts))
		return 0;
	parts = (const void *)(bytes + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (parts[i].p_type == PT_INTERP)
			return 0;
	return 1;
}

static char *read_program(const char *file, size_t *ret_len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= PROGRAM_MAX_BYTES)
		bytes = malloc(st.st_size);
	if (bytes && read(fd, bytes, st.st_size) != st.st_size) {
		free(bytes);
		bytes = NULL;
	}
	close(fd);
	if (bytes)
		*ret_len = st.st_size;
	return bytes;
}

static void put_header(char *block, const char *name, char type, size_t size)
{
	unsigned int sum = 0;

	snprintf(block, 100, "%s", name);
	snprintf(block + 100, 8, "%07o", 0755);
	snprintf(block + 108, 8, "%07o", 0);
	snprintf(block + 116, 8, "%07o", 0);
	snprintf(block + 124, 12, "%011zo", size);
	snprintf(block + 136, 12, "%011o", 0);
	block[156] = type;
	snprintf(block + 257, 6, "ustar");
	block[263] = block[264] = '0';
	memset(block + CHECKSUM_AT, ' ', CHECKSUM_LEN);
	for (unsigned int i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + CHECKSUM_AT, CHECKSUM_LEN, "%06o", sum);
}

int latency_image_make(char **ret_tar, size_t *ret_len)
{
	static const char *const files[] = {"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox"};
	size_t len = 0, padded, tar_len;
	char *program = NULL, *tar;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && !program; i++) {
		program = read_program(files[i], &len);
		if (program && !is_static(program, len)) {
			free(program);
			program = NULL;
		}
	}
	if (!program)
		return -ENOENT;
	padded = (len + BLOCK - 1) / BLOCK * BLOCK;
	tar_len = 2 * BLOCK + padded + 2 * BLOCK;
	tar = calloc(1, tar_len);
	if (tar) {
		put_header(tar, "bin/", '5', 0);
		put_header(tar + BLOCK, "bin/busybox", '0', len);
		memcpy(tar + (size_t)2 * BLOCK, program, len);
	}
	free(program);
	if (!tar)
		return -ENOMEM;
	*ret_tar = tar;
	*ret_len = tar_len;
	return 0;
}
