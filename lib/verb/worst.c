/* The order in which the results of several operands count. */
#include <string.h>

#include "verb/worst.h"

static int
rank(int code)
{
	static const int order[] = { 74, 2, 77, 65, 69, 75, 64, 1 };
	int i, exit_status = sada_err_exit(code);

	for (i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
		if (order[i] == exit_status)
			return i;
	return i;
}

void
sada_worst_init(struct sada_worst *w)
{
	memset(w, 0, sizeof(*w));
}

void
sada_worst_add(struct sada_worst *w, const struct sada_err *e)
{
	if (w->e.code == 0 || rank(e->code) < rank(w->e.code))
		w->e = *e;
}

int
sada_worst_get(const struct sada_worst *w, struct sada_err *err)
{
	if (w->e.code != 0 && err != NULL)
		*err = w->e;
	return w->e.code;
}
