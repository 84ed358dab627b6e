// SPDX-License-Identifier: BSD-2-Clause
/* Draws a drill: limit, use and kills, level by level. It never computes what the record does not
 * hold. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/log.h"
#include "user/plot.h"
#include "user/squeeze.h"

#define WIDTH 900
#define HEIGHT 480
#define MIB 1048576.0

static void write_script(FILE *f, const struct squeeze_target *target,
			 const struct squeeze_record *record)
{
	char *sentence = squeeze_sentence(record, target->container != NULL);
	char title[600];

	fprintf(f, "set title %s noenhanced\n",
		plot_quote(sentence ? sentence : "", title, sizeof(title)));
	fprintf(f, "set xlabel 'limit'\nset ylabel 'MiB'\nset y2label 'kills'\nset ytics nomirror\n"
		   "set y2tics\nset y2range [0:*]\nset yrange [0:*]\nset grid ytics\n"
		   "set key outside bottom center horizontal\nset boxwidth 0.4\n"
		   "set style fill solid 0.4\n$levels << END\n");
	for (size_t i = 0; i < record->level_cnt; i++) {
		const struct squeeze_level *level = &record->levels[i];

		fprintf(f, "%zu %.3f %.3f %.3f %" PRIu64 "\n", i, level->limit_bytes / MIB,
			level->before.usage_bytes / MIB, level->after.usage_bytes / MIB,
			level->after.kill_cnt - level->before.kill_cnt);
	}
	fprintf(f, "END\nset xtics rotate by -45\n"
		   "plot $levels using 1:5 axes x1y2 with boxes title 'kills', "
		   "$levels using 1:2:xticlabels(sprintf('%%.0f MiB', $2)) with steps lw 2 title "
		   "'limit', "
		   "$levels using 1:3 with linespoints title 'use before', "
		   "$levels using 1:4 with linespoints title 'use after'\n");
	free(sentence);
}

int squeeze_plot(const struct squeeze_target *target, const struct squeeze_record *record,
		 const char *file)
{
	char *script = NULL, error[512] = "";
	size_t len = 0;
	FILE *f = open_memstream(&script, &len);
	int err;

	if (!f)
		return -ENOMEM;
	write_script(f, target, record);
	if (fclose(f)) {
		free(script);
		return -ENOMEM;
	}
	err = plot_svg(script, file, WIDTH, HEIGHT, error, sizeof(error));
	if (err)
		log_error("squeeze: the picture: %s", *error ? error : plot_error(err));
	free(script);
	return err;
}
