/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of a bill, without a tree: a walk over one object that names each value by its path. Our own because the numbers
 * must stay digits: a library that makes them double has lost the money. Text is unescaped in place.
 */
#include "lib/money/bill_impl.h"

#define DEPTH_MAX 32
#define PATH_MAX_LEN 256

struct walk {
	char *p, *end;
	unsigned int depth;
	char path[PATH_MAX_LEN];
	size_t path_len;
	bill_json_raw_fn raw;
	bill_json_fn fn;
	void *arg;
};

static void blanks(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\r' || *w->p == '\n'))
		w->p++;
}

static bool take(struct walk *w, char c)
{
	blanks(w);
	if (w->p == w->end || *w->p != c)
		return false;
	w->p++;
	return true;
}

static int hex4(const char *p, const char *end, uint32_t *ret)
{
	uint32_t v = 0;

	if (end - p < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			return -EINVAL;
		v = v << 4 | (uint32_t)d;
	}
	*ret = v;
	return 0;
}

static char *utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)(c ? c : '?'); /* texts end at NUL */
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* Behind "\u"; a lone half of a pair becomes '?'. Six characters give at most three bytes, twelve four. */
static int unicode(struct walk *w, char **out)
{
	uint32_t c, low;

	if (hex4(w->p, w->end, &c))
		return -EINVAL;
	w->p += 4;
	if (c >= 0xd800 && c < 0xdc00 && w->end - w->p >= 6 && w->p[0] == '\\' && w->p[1] == 'u' &&
	    !hex4(w->p + 2, w->end, &low) && low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		w->p += 6;
	} else if (c >= 0xd800 && c < 0xe000) {
		c = '?';
	}
	*out = utf8_put(*out, c);
	return 0;
}

/* At the opening quote. With unescape the text is made plain where it stands. */
static int string(struct walk *w, bool unescape, char **ret, size_t *ret_len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *start = w->p + 1, *out = start;

	if (!take(w, '"'))
		return -EINVAL;
	while (w->p < w->end && *w->p != '"') {
		const char *known;

		if (*w->p != '\\') {
			*out++ = *w->p++;
			continue;
		}
		if (++w->p == w->end)
			return -EINVAL;
		known = *w->p ? strchr(from, *w->p) : NULL;
		if (!unescape) {
			if (!known && *w->p != 'u')
				return -EINVAL;
			out = ++w->p;
		} else if (known) {
			*out++ = to[known - from];
			w->p++;
		} else if (*w->p++ != 'u' || unicode(w, &out)) {
			return -EINVAL;
		}
	}
	if (w->p == w->end)
		return -EINVAL;
	*ret = start;
	*ret_len = (size_t)(out - start);
	w->p++;
	return 0;
}

static int skip(struct walk *w);

static int skip_members(struct walk *w, char close)
{
	char *text;
	size_t len;
	int r = 0;

	w->p++;
	if (take(w, close))
		return 0;
	do {
		if (close == '}') {
			blanks(w);
			r = string(w, false, &text, &len);
			if (!r && !take(w, ':'))
				r = -EINVAL;
		}
		if (!r)
			r = skip(w);
	} while (!r && take(w, ','));
	return r ? r : take(w, close) ? 0 : -EINVAL;
}

static int literal(struct walk *w)
{
	char *start = w->p;

	while (w->p < w->end && !strchr(",}] \t\r\n", *w->p))
		w->p++;
	return w->p > start && strchr("-0123456789tfn", *start) ? 0 : -EINVAL;
}

/* Over one value, which stays as it is. */
static int skip(struct walk *w)
{
	char *text;
	size_t len;
	int r;

	blanks(w);
	if (w->p == w->end || w->depth == DEPTH_MAX)
		return -EINVAL;
	w->depth++;
	if (*w->p == '{' || *w->p == '[')
		r = skip_members(w, *w->p == '{' ? '}' : ']');
	else if (*w->p == '"')
		r = string(w, false, &text, &len);
	else
		r = literal(w);
	w->depth--;
	return r;
}

static int tell(struct walk *w, char *text, size_t len)
{
	return w->fn(w->path, w->path_len, text, len, w->arg);
}

static int object(struct walk *w);

static int value(struct walk *w)
{
	char *start, *text;
	size_t len;
	int r;

	blanks(w);
	start = w->p;
	if (w->p == w->end)
		return -EINVAL;
	if (*w->p == '"') {
		r = string(w, true, &text, &len);
		return r ? r : tell(w, text, len);
	}
	if (*w->p == '{' && !(w->raw && w->raw(w->path, w->path_len, w->arg)))
		return object(w);
	r = skip(w);
	if (r)
		return r;
	len = (size_t)(w->p - start);
	return len == 4 && !memcmp(start, "null", 4) ? tell(w, NULL, 0) : tell(w, start, len);
}

static int member(struct walk *w)
{
	size_t before = w->path_len, len, dot = before != 0;
	char *name;
	int r;

	blanks(w);
	r = string(w, true, &name, &len);
	if (r || !take(w, ':') || before + dot + len > sizeof(w->path))
		return -EINVAL;
	if (dot)
		w->path[w->path_len++] = '.';
	memcpy(w->path + w->path_len, name, len);
	w->path_len += len;
	r = value(w);
	w->path_len = before;
	return r;
}

static int object(struct walk *w)
{
	int r;

	if (w->depth == DEPTH_MAX || !take(w, '{'))
		return -EINVAL;
	if (take(w, '}'))
		return 0;
	w->depth++;
	do
		r = member(w);
	while (!r && take(w, ','));
	w->depth--;
	return r ? r : take(w, '}') ? 0 : -EINVAL;
}

int bill_json_walk(char *text, size_t len, bill_json_raw_fn raw, bill_json_fn fn, void *arg)
{
	struct walk w = {.p = text, .end = text + len, .raw = raw, .fn = fn, .arg = arg};
	int r = object(&w);

	blanks(&w);
	return r ? r : w.p == w.end ? 0 : -EINVAL;
}

static bool always(const char *path, size_t len, void *arg)
{
	(void)path, (void)len, (void)arg;
	return true;
}

int bill_json_members(char *text, size_t len, bill_json_fn fn, void *arg)
{
	struct walk w = {.p = text, .end = text + len, .raw = always, .fn = fn, .arg = arg};
	int r;

	if (!take(&w, '[')) {
		r = object(&w);
	} else if (take(&w, ']')) {
		r = 0;
	} else {
		do {
			blanks(&w);
			r = object(&w);
			if (!r)
				r = fn("", 0, NULL, 0, arg); /* one is whole */
		} while (!r && take(&w, ','));
		if (!r && !take(&w, ']'))
			r = -EINVAL;
	}
	blanks(&w);
	return r ? r : w.p == w.end ? 0 : -EINVAL;
}

bool bill_json_is_object(const char *text, size_t len)
{
	/* skip() changes nothing. */
	struct walk w = {.p = (char *)(uintptr_t)text, .end = (char *)(uintptr_t)text + len};

	blanks(&w);
	if (w.p == w.end || *w.p != '{' || skip(&w))
		return false;
	blanks(&w);
	return w.p == w.end;
}

int bill_json_quote(struct weir_buf *b, const char *text)
{
	int r = weir_buf_add(b, "\"", 1);

	while (!r && *text) {
		size_t plain = 0;

		while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\')
			plain++;
		r = weir_buf_add(b, text, plain);
		text += plain;
		if (r || !*text)
			break;
		r = *text == '"' || *text == '\\' ? weir_buf_addf(b, "\\%c", *text) :
						    weir_buf_addf(b, "\\u%04x", (unsigned int)(unsigned char)*text);
		text++;
	}
	return r ? r : weir_buf_add(b, "\"", 1);
}
