/* store/plan.c - see plan.h. */
#include "store/plan.h"

#include "queries.h"

void plan_by_key(struct pg_seg *s)
{
    pg_add(s, &Q_PLAN_BY_KEY);
}

void plan_in_order(struct pg_seg *s)
{
    pg_add(s, &Q_PLAN_IN_ORDER);
}
