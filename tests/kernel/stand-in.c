// A kernel that is none: it pretends to be xv6 with our shell and our cowtest, whose tests go every
// way a test can go. What `cargo xtask grade` makes of it is known in advance.

#define UART ((volatile unsigned char *)0x10000000)
// Registers of the 16550: the line status and its bits for a byte received and a byte to send.
#define STATUS 5
#define RECEIVED 0x01
#define SENDABLE 0x20

static void put(char c)
{
    while (!(UART[STATUS] & SENDABLE))
        ;
    UART[0] = c;
}

static void print(const char *text)
{
    for (; *text; text++)
        put(*text);
}

static void spin(void)
{
    for (;;)
        ;
}

// Whether `line` begins with `word` and a space.
static int begins(const char *line, const char *word)
{
    for (; *word; word++, line++)
        if (*line != *word)
            return 0;
    return *line == ' ';
}

// Reads a line and echoes it, as a console does.
static void read_line(char *line, int size)
{
    int n = 0;
    for (;;) {
        while (!(UART[STATUS] & RECEIVED))
            ;
        char c = UART[0];
        put(c);
        if (c == '\n' || n == size - 1)
            break;
        line[n++] = c;
    }
    line[n] = 0;
}

// Does what `COMMAND && echo WELL || echo BADLY` echoes.
static void echo(const char *line, int well)
{
    for (int skip = well ? 1 : 2; *line; line++) {
        if (!begins(line, "echo") || --skip)
            continue;
        for (line += 5; *line && *line != ' '; line++)
            put(*line);
        break;
    }
    print("\n");
}

// Runs one test of the pretended cowtest; whether its status is 0.
static int run(const char *test)
{
    if (begins(test, "passes")) {
        print("passes: OK\n");
        return 1;
    }
    if (begins(test, "skips")) {
        print("skips: skipped (there is nothing to test)\n");
        return 1;
    }
    if (begins(test, "fails")) {
        print("fails: FAILED: page 1: expected 2, saw 3\n");
        return 0;
    }
    if (begins(test, "hangs")) {
        print("hangs: still working\n");
        spin();
    }
    if (begins(test, "panics")) {
        print("panic: the world has ended\n");
        spin();
    }
    if (begins(test, "kills")) {
        print("init: starting sh\n");
        return 0;
    }
    print("cowtest: no test is called ?; there are:\n"
          "  passes\n  skips\n  fails\n  hangs\n  panics\n  kills\n  recovers\n");
    return 0;
}

int main(void)
{
    char line[128];
    print("\nxv6 kernel is booting\n\ninit: starting sh\n");
    for (;;) {
        print("$ ");
        read_line(line, sizeof line);
        // The last test passes if a kernel that went down before was booted again.
        int well = begins(line, "cowtest recovers") || (begins(line, "cowtest") && run(line + 8));
        echo(line, well);
    }
}
