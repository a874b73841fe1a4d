/* store/plan.h - plans that stay right while tables grow.
 * Why:    a prepared statement's plan is made once, often while its tables are empty or not yet analysed, and then scans whole tables
 *         at a million rows. The set-based writes here look rows up by key and nothing else, so for their transactions only index
 *         look-ups are left to the planner. */
#ifndef MSPHUB_STORE_PLAN_H
#define MSPHUB_STORE_PLAN_H

#include "reactor/pg.h"

/* For the rest of this segment. Any number of times. */
void plan_by_key(struct pg_seg *s);
/* The same for a page of a list whose order is an index's; and one plan for all arguments: making one for each call costs more than
 * the page. */
void plan_in_order(struct pg_seg *s);

#endif
