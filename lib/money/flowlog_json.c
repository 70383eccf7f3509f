/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of JSON as events, whatever its size: an hour of a busy network is one object of hundreds of megabytes. No
 * tree; what is held is the path, and the last value.
 */
#include "lib/money/flowlog_impl.h"

int flow_json_init(struct flow_json *j, struct bill_lines *lines)
{
	*j = (struct flow_json){.lines = lines, .line = 1};
	j->text = malloc(FLOW_JSON_VALUE + 1);
	return j->text ? 0 : -ENOMEM;
}

void flow_json_fini(struct flow_json *j)
{
	free(j->text);
	j->text = NULL;
}

/* The next byte without taking it; -1 at the end, else -errno below that. */
#define AT_END (-1)
#define FAILED(c) ((c) < AT_END)
static int peek(struct flow_json *j)
{
	struct bill_lines *l = j->lines;
	int r = l->at == l->len ? bill_lines_fill(l, 1) : 0;

	if (r)
		return r == -EPERM ? -EIO : r; /* -1 is taken */
	return l->at == l->len ? AT_END : (unsigned char)l->data[l->at];
}

static int get(struct flow_json *j)
{
	int c = peek(j);

	if (c < 0)
		return c;
	j->lines->at++;
	j->line += c == '\n';
	j->last = (char)c;
	return c;
}

static int blanks(struct flow_json *j)
{
	int c;

	while ((c = peek(j)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		get(j);
	return c;
}

/* What texts become: printable ASCII, so that they may go to terminals and to JSON; names and addresses are. */
static int put(struct flow_json *j, int c)
{
	if (j->text_len == FLOW_JSON_VALUE)
		return -EINVAL;
	j->text[j->text_len++] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
	j->text[j->text_len] = 0;
	return 0;
}

static int escape(struct flow_json *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/?????";
	int c = get(j), value = 0;
	const char *known = c > 0 ? strchr(from, c) : NULL;

	if (known)
		return put(j, to[known - from]);
	if (c != 'u')
		return FAILED(c) ? c : -EINVAL;
	for (int i = 0; i < 4; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit;

		c = get(j);
		digit = c > 0 ? strchr(hex, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
		if (!digit)
			return FAILED(c) ? c : -EINVAL;
		value = value << 4 | (int)(digit - hex);
	}
	return put(j, value);
}

/* Behind the opening quote. */
static int string(struct flow_json *j)
{
	int c, r;

	j->text_len = 0;
	j->text[0] = 0;
	while ((c = peek(j)) != '"') {
		if (c < 0 || c == '\n') /* where a line was cut off, the next one may be well */
			return FAILED(c) ? c : -EINVAL;
		get(j);
		r = c == '\\' ? escape(j) : put(j, c);
		if (r)
			return r;
	}
	get(j);
	return 0;
}

static int literal(struct flow_json *j)
{
	int c, r;

	j->text_len = 0;
	while ((c = peek(j)) > ' ' && !strchr(",}]", c)) {
		r = put(j, get(j));
		if (r)
			return r;
	}
	if (FAILED(c))
		return c;
	if (!j->text_len || !strchr("-0123456789tfn", *j->text))
		return -EINVAL;
	if (!strcmp(j->text, "null"))
		j->text[j->text_len = 0] = 0;
	return FLOW_JSON_TEXT;
}

static int value(struct flow_json *j)
{
	int c = blanks(j), r;

	if (c != '{' && c != '[' && c != '"')
		return c < 0 ? (FAILED(c) ? c : -EINVAL) : literal(j);
	get(j);
	if (c == '"') {
		r = string(j);
		return r ? r : FLOW_JSON_TEXT;
	}
	if (j->depth == FLOW_JSON_DEPTH)
		return -EINVAL;
	j->level[j->depth].array = c == '[';
	j->level[j->depth].begun = false;
	j->level[j->depth++].path_len = (uint16_t)j->path_len;
	return c == '[' ? FLOW_JSON_ARRAY : FLOW_JSON_OBJECT;
}

static int member(struct flow_json *j)
{
	size_t dot = j->path_len != 0;
	int c = blanks(j), r;

	if (c != '"')
		return FAILED(c) ? c : -EINVAL;
	get(j);
	r = string(j);
	if (r)
		return r;
	if (j->path_len + dot + j->text_len >= FLOW_JSON_PATH)
		return -EINVAL;
	if (dot)
		j->path[j->path_len++] = '.';
	memcpy(j->path + j->path_len, j->text, j->text_len + 1);
	j->path_len += j->text_len;
	if (blanks(j) != ':')
		return -EINVAL;
	get(j);
	return value(j);
}

static int next(struct flow_json *j)
{
	unsigned int top = j->depth - 1;
	int c = blanks(j);

	if (FAILED(c))
		return c;
	if (!j->depth) {
		j->path_len = 0;
		j->path[0] = 0;
		return c == AT_END ? FLOW_JSON_END : value(j);
	}
	j->path_len = j->level[top].path_len;
	j->path[j->path_len] = 0;
	if (c == (j->level[top].array ? ']' : '}')) {
		get(j);
		j->depth = top;
		return j->level[top].array ? FLOW_JSON_ARRAY_END : FLOW_JSON_OBJECT_END;
	}
	if (j->level[top].begun) {
		if (c != ',')
			return -EINVAL;
		get(j);
	}
	j->level[top].begun = true;
	return j->level[top].array ? value(j) : member(j);
}

int flow_json_next(struct flow_json *j)
{
	int r = j->broken ? -EINVAL : next(j);

	j->broken = r < 0;
	return r;
}

int flow_json_resume(struct flow_json *j)
{
	int c;

	while ((c = peek(j)) >= 0 && (j->last != '\n' || c != '{'))
		get(j);
	j->depth = 0;
	j->broken = c < 0;
	return c >= 0 ? 1 : FAILED(c) ? c : 0;
}
