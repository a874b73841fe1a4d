/* cron.h - a cron expression as sets of numbers. Which instant comes next is the database's to say (migration of the schedules): it
 * has the time zones.
 * Reads:  five fields (minute, hour, day of month, month, day of week) of `*`, numbers, names (jan, mon; 0 and 7 are Sunday), ranges,
 *         steps and lists; and @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
 * Days:   when both day fields are restricted (neither begins with `*`), a day that matches either of them is meant; else one that
 *         matches both. That is cron's rule. */
#ifndef MSPHUB_BASE_CRON_H
#define MSPHUB_BASE_CRON_H

#include "base/err.h"
#include "base/slice.h"

#define CRON_TEXT_MAX 256

enum cron_part { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_NPARTS_ };
struct cron {
    uint64_t in[CRON_NPARTS_]; /* bit n: the number n; weekdays 0 (Sunday) to 6 */
    bool either_day;           /* a day of month or a day of week; else both */
    bool any_hour;             /* the hour begins with `*`: it follows the clock through its changes */
};

/* ERR_INPUT names the field and what is wrong with it. What is accepted comes round again: 30 February is refused. */
bool cron_parse(struct slice text, struct cron *ret, struct err *e);

#endif
