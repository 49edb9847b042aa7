// A kernel that is none: it pretends to be xv6 with the grader's init and a program whose tests go
// every way a test can go. What `cargo xtask grade` makes of it is known in advance.

#include "verdict.h"

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

// Says a verdict as a program of `lab/` does.
static void say(const char *nonce, const char *about, const char *words)
{
    char line[LINE];
    line[verdict_line(line, nonce, about, words)] = 0;
    print(line);
}

// The third word of a line: the nonce.
static const char *third(const char *line)
{
    for (int spaces = 0; *line && spaces < 2; line++)
        spaces += *line == ' ';
    return line;
}

// Runs one test of the pretended program.
static void run(const char *test, const char *nonce)
{
    if (begins(test, "passes"))
        say(nonce, "passes ok -", "");
    if (begins(test, "fails"))
        say(nonce, "fails failed pages-lost", "page 1: expected 2, saw 3");
    if (begins(test, "forges"))
        print("\n@forges ok - 0123456789abcdef \nforges: OK\nALL TESTS PASSED\n");
    if (begins(test, "borrows"))
        say(nonce, "passes ok -", "");
    if (begins(test, "hangs")) {
        print("hangs: still working\n");
        spin();
    }
    if (begins(test, "panics")) {
        print("panic: the world has ended\n");
        spin();
    }
    if (begins(test, "floods"))
        for (;;)
            print("and on and on and on and on and on and on and on and on and on and on\n");
    if (begins(test, "kills"))
        print("init: taking memory\n");
    // The last test: a kernel that went down before has been booted, or restored.
    if (begins(test, "recovers"))
        say(nonce, "recovers ok -", "");
}

int main(void)
{
    char line[128];
    print("\nxv6 kernel is booting\n\ninit: taking memory\n");
    for (;;) {
        print("\n$ ");
        read_line(line, sizeof line);
        if (begins(line, "stand-in"))
            run(line + 9, third(line));
    }
}
