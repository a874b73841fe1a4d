/* replay.c - a main for fuzz targets without libFuzzer: runs the target once for each sample.
 *   fuzz_x FILE-OR-FOLDER…        fails when there was no sample at all */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    uint8_t *data = NULL;
    size_t n = 0, got = 0;
    do {
        uint8_t *more = realloc(data, n + 65536);
        if (!more)
            abort();
        data = more;
        got = fread(data + n, 1, 65536, f);
        n += got;
    } while (got);
    fclose(f);
    /* A copy of the exact size, so that the sanitizer sees a read past the end. */
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    memcpy(exact, data, n);
    free(data);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    replayed++;
}

static void replay(const char *path)
{
    DIR *d = opendir(path);
    if (!d) {
        replay_file(path);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char file[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        replay_file(file);
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%u samples\n", replayed);
    return replayed ? 0 : 1;
}
