// SPDX-License-Identifier: MIT
// Runs a fuzz target once over every file of the directories (or files) given, without libFuzzer.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Copies the input to a block of exactly its size, so that a read past its end is detected.
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int result = -1;

    if (!file || fseek(file, 0, SEEK_END) != 0)
        goto cleanup;
    size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        goto cleanup;
    data = malloc(size ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto cleanup;
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    result = 0;
cleanup:
    if (result != 0)
        fprintf(stderr, "replay: cannot read %s\n", path);
    if (file)
        (void)fclose(file);
    free(data);
    return result;
}

// Returns the number of inputs that were run, or -1.
static int replay_directory(const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, alphasort);
    int run = 0;

    if (count < 0)
        return replay_file(directory) == 0 ? 1 : -1;
    for (int i = 0; i < count; i++) {
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);

        if (entries[i]->d_name[0] != '.' && run >= 0)
            run = length < (int)sizeof path && replay_file(path) == 0 ? run + 1 : -1;
        free(entries[i]);
    }
    free(entries);
    return run;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int run = replay_directory(argv[i]);

        if (run < 0)
            return 1;
        total += run;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
