/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures as SVG, drawn by gnuplot in a process of its own. It never decides what a picture shows.
 */
#ifndef CGBPF_PLOT_H
#define CGBPF_PLOT_H

#include <stddef.h>

/*
 * Before anything is measured: is gnuplot installed, and can FILE be written? FILE is left as it
 * is. -ENOPKG: no gnuplot; else as outfile__open_regular.
 */
int plot_check(const char *file);

/*
 * Draws SCRIPT, gnuplot commands that set neither terminal nor output, as WIDTH by HEIGHT pixels
 * into FILE, which is replaced as a whole or not at all. -ENOPKG: no gnuplot; -EBADMSG: gnuplot did
 * not take the script, and ERROR holds its words, escaped; else as outfile__open_regular.
 */
int plot_svg(const char *script, const char *file, unsigned int width, unsigned int height,
	     char *error, size_t error_len);

/* One sentence for what these returned. */
const char *plot_error(int err);

/*
 * TEXT as a gnuplot string with its quotes: untrusted text comes into a script through this and no
 * other way. Cut where it does not fit. Returns BUF.
 */
char *plot_quote(const char *text, char *buf, size_t len);

#endif
