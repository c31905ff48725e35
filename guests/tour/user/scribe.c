// Writes a file, lets another process add to it, and reads it back.

#include "user.h"

static void write_line(int file, const char *line) { write(file, line, strlen(line)); }

int main(void)
{
    int file = open("poem", true);
    write_line(file, "   | A guest is a machine inside a machine,\n");
    if (spawn() == 0) {                // has the open file and its position
        write_line(file, "   | its clock is borrowed and its memory seen\n");
        write_line(file, "   | through mirrors; yet it cannot tell,\n");
        write_line(file, "   | as long as every one is polished well.\n");
        exit(0);
    }
    int status;
    wait(&status);
    close(file);

    char text[32];                     // smaller than the file: several reads
    uint32_t size = 0, lines = 0;
    file = open("poem", false);
    for (int n; (n = read(file, text, sizeof text)) > 0; size += (uint32_t)n)
        for (int i = 0; i < n; i++) {
            putc(text[i]);
            lines += text[i] == '\n';
        }
    close(file);
    printf("   %u lines, %u bytes, by two writers\n", lines, size);
    printf("   a file that is not there cannot be opened: %s\n", yes(open("prose", false) < 0));
    return 0;
}
