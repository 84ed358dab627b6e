/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the escaping of untrusted bytes. It never changes what it is given. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/text.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static const char hex_digits[] = "0123456789abcdef";

/* What moves the cursor, is not seen, breaks the line or reorders the text after it. */
static const struct {
	uint32_t first, last;
} unprintable[] = {
	{0x0000, 0x001f}, /* C0 */
	{0x007f, 0x009f}, /* DEL, C1 */
	{0x00ad, 0x00ad}, /* soft hyphen */
	{0x061c, 0x061c}, /* Arabic letter mark */
	{0x200b, 0x200f}, /* zero width, direction marks */
	{0x2028, 0x202e}, /* line and paragraph separator, bidi embedding and override */
	{0x2060, 0x206f}, /* invisible operators, bidi isolates */
	{0xfeff, 0xfeff}, /* byte order mark */
	{0xfff9, 0xfffb}, /* interlinear annotation */
	{0xfffe, 0xffff}, /* no characters; no YAML may hold them */
	{0xe0000, 0xe007f}, /* tags */
};

static bool is_printable(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++)
		if (code >= unprintable[i].first && code <= unprintable[i].last)
			return false;
	return true;
}

/* Bytes of the character at P, 0 where the UTF-8 is not valid: cut, overlong, a surrogate, or above
 * U+10FFFF. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t code = len == 1 ? p[0] : p[0] & (0x7f >> len);

	if (!len || p[0] > 0xf4 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

/* Writes the next character of at most LEFT bytes as it is shown, at most 16 bytes; returns how
 * many bytes it was. */
static size_t escape_one(const unsigned char *p, size_t left, char out[16], size_t *ret_out_len)
{
	uint32_t code;
	size_t len = decode(p, left, &code), n = 0;

	if (len && code != '\\' && is_printable(code)) {
		memcpy(out, p, len);
		*ret_out_len = len;
		return len;
	}
	if (!len)
		len = 1;
	for (size_t i = 0; i < len; i++) {
		out[n++] = '\\';
		if (p[i] == '\\') {
			out[n++] = '\\';
			continue;
		}
		out[n++] = 'x';
		out[n++] = hex_digits[p[i] >> 4];
		out[n++] = hex_digits[p[i] & 0xf];
	}
	*ret_out_len = n;
	return len;
}

char *text_escape(const char *bytes, size_t bytes_len, char *buf, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t n = 0, cut = 0; /* CUT: the end of the last character after which "…" still fits */

	if (!len)
		return buf;
	while (bytes_len) {
		char out[16];
		size_t out_len, taken = escape_one(p, bytes_len, out, &out_len);

		if (out_len > len - 1 - n) {
			n = cut;
			if (len >= sizeof(ELLIPSIS)) {
				memcpy(buf + n, ELLIPSIS, strlen(ELLIPSIS));
				n += strlen(ELLIPSIS);
			}
			break;
		}
		memcpy(buf + n, out, out_len);
		n += out_len;
		if (n + sizeof(ELLIPSIS) <= len)
			cut = n;
		p += taken;
		bytes_len -= taken;
	}
	buf[n] = '\0';
	return buf;
}

char *text_escape_dup(const char *bytes)
{
	size_t len = strlen(bytes);
	char *buf = reallocarray(NULL, len + 1, strlen("\\xNN"));

	return buf ? text_escape(bytes, len, buf, (len + 1) * strlen("\\xNN")) : NULL;
}

char *text_to_utf8(const char *bytes, bool *ret_is_exact)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t left = strlen(bytes), n = 0;
	char *buf = reallocarray(NULL, left + 1, strlen(REPLACEMENT));
	bool is_exact = true;

	if (!buf)
		return NULL;
	while (left) {
		uint32_t code;
		size_t len = decode(p, left, &code);

		if (len) {
			memcpy(buf + n, p, len);
			n += len;
		} else {
			memcpy(buf + n, REPLACEMENT, strlen(REPLACEMENT));
			n += strlen(REPLACEMENT);
			is_exact = false;
			len = 1;
		}
		p += len;
		left -= len;
	}
	buf[n] = '\0';
	if (ret_is_exact)
		*ret_is_exact = is_exact;
	return buf;
}

json_t *text_json(const char *bytes)
{
	char *utf8 = bytes ? text_to_utf8(bytes, NULL) : NULL;
	json_t *json = !bytes ? json_null() : utf8 ? json_string(utf8) : NULL;

	free(utf8);
	return json;
}

char *text_yaml_dup(const char *bytes)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t left = strlen(bytes), n = 0;
	char *buf = reallocarray(NULL, left + 1, strlen("\\uNNNN"));

	if (!buf)
		return NULL;
	buf[n++] = '"';
	while (left) {
		uint32_t code;
		size_t len = decode(p, left, &code);

		if (len && is_printable(code)) {
			if (code == '"' || code == '\\')
				buf[n++] = '\\';
			memcpy(buf + n, p, len);
			n += len;
		} else if (len && code > 0xffff) {
			n += (size_t)sprintf(buf + n, "\\U%08x", code);
		} else {
			n += (size_t)sprintf(buf + n, "\\u%04x", len ? code : 0xfffd);
		}
		len = len ? len : 1;
		p += len;
		left -= len;
	}
	strcpy(buf + n, "\"");
	return buf;
}

char *text_hex_dup(const char *bytes)
{
	size_t len = strlen(bytes);
	char *hex = reallocarray(NULL, len + 1, 2);

	if (!hex)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = hex_digits[(unsigned char)bytes[i] >> 4];
		hex[2 * i + 1] = hex_digits[bytes[i] & 0xf];
	}
	hex[2 * len] = '\0';
	return hex;
}
