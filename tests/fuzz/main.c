/* Gives files to a harness one after the other, where there is no libFuzzer. Usage: HARNESS FILE... */
#include "harness.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t *data = NULL;
        size_t size = 0;
        CHECK(file && fseek(file, 0, SEEK_END) == 0, "%s", argv[i]);
        size = (size_t)ftell(file);
        rewind(file);
        data = (uint8_t *)malloc(size ? size : 1);
        CHECK(data && fread(data, 1, size, file) == size, "%s", argv[i]);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    printf("%d files\n", argc - 1);
    return 0;
}
