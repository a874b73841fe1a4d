/* hub/retire.c - see retire.h. A braked list counts for nothing: not even as one of the lists without a device. */
#include "hub/retire.h"

#include <stdio.h>

void retire_decide(const struct run_absence *a, const struct retire_rules *rules, struct retire_decision *ret)
{
    *ret = (struct retire_decision){0};
    if (a->seen == 0 && a->live > 0) {
        ret->braked = true;
        snprintf(ret->why, sizeof(ret->why),
                 "the product's list of devices is empty while %lld are known: none was counted as missing; check what "
                 "the credential may see",
                 (long long)a->live);
        return;
    }
    if (!rules->keeps_devices && a->missing > RETIRE_SMALL && a->missing * 100 > rules->brake_percent * a->live) {
        ret->braked = true;
        snprintf(
            ret->why, sizeof(ret->why),
            "%lld of %lld devices are missing from the list, more than retire_brake (%lld %%): none was retired; check "
            "the product's filters and permissions, or raise retire_brake if they are really gone",
            (long long)a->missing, (long long)a->live, (long long)rules->brake_percent);
        return;
    }
    ret->count = a->missing > 0;
    ret->retire = !rules->keeps_devices;
}
