/* mem.c - arenas: alignment, zeroes, growth, what a reset keeps; and the end of the process where memory ends. */
#include "base/mem.h"

#include "base/test.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void blocks_are_aligned_and_zero(void **state)
{
    struct arena *a = arena_new();
    for (unsigned round = 0; round < 3; round++) {
        for (size_t n = 0; n < 3000; n += 7) {
            uint8_t *p = arena_alloc(a, n);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xAA, n);
        }
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_free(a);
}

static void texts_do_not_overlap(void **state)
{
    struct arena *a = arena_new();
    char *all[2000];
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        all[i] = i % 2 ? arena_printf(a, "%u", i) : arena_strndup(a, "even and more", i % 14);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        char want[16];
        snprintf(want, sizeof(want), "%u", i);
        if (i % 2)
            assert_string_equal(all[i], want);
        else
            assert_int_equal(strlen(all[i]), i % 14);
    }
    arena_free(a);
}

/* A block larger than all others is given back by a reset; the arena goes on. */
static void large_blocks(void **state)
{
    struct arena *a = arena_new();
    for (unsigned i = 0; i < 3; i++) {
        char *p = arena_alloc(a, (size_t)5 << 20);
        p[0] = p[((size_t)5 << 20) - 1] = 'x';
        arena_strndup(a, "behind", 6);
        assert_true(arena_used(a) > (size_t)5 << 20);
        arena_reset(a);
    }
    assert_string_equal(arena_strndup(a, "after", 5), "after");
    arena_wipe(a);
    assert_int_equal(arena_used(a), 0);
    arena_free(a);
    arena_free(NULL);
}

static void overflow_ends_the_process(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        free(mem_realloc_array(NULL, SIZE_MAX / 2, 4));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void clean_up_and_take(void **state)
{
    char *kept;
    {
        _cleanup_(mem_freep) char *p = mem_printf("%s-%d", "a", 1);
        _cleanup_(mem_freep) char *gone = mem_strdup("freed by its scope, or LeakSanitizer speaks");
        assert_non_null(gone);
        kept = TAKE(p);
        assert_null(p);
    }
    assert_string_equal(kept, "a-1");
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_zero),
        cmocka_unit_test(texts_do_not_overlap),
        cmocka_unit_test(large_blocks),
        cmocka_unit_test(overflow_ends_the_process),
        cmocka_unit_test(clean_up_and_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
