// The shell: lists, pipes, redirections, cd. Programs are found in the current directory.
#include "user.h"

enum { WORDS = 16 };

struct command {
    char *words[WORDS + 1];
    char *input, *output;
    struct command *next; // The one that reads what this one writes.
};

static void fail(const char *what, const char *about)
{
    fprintf(2, "sh: %s %s\n", what, about);
    exit(1);
}

static int is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static int is_mark(char byte)
{
    return byte == '|' || byte == '<' || byte == '>';
}

static void *allocate(unsigned size)
{
    void *memory = malloc(size);
    if (!memory)
        fail("no memory for", "a command");
    return memory;
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

// A copy of the next word; goes on behind it.
static char *take_word(const char **at)
{
    const char *start = skip_blanks(*at);
    const char *end = start;
    while (*end && !is_blank(*end) && !is_mark(*end))
        end++;
    char *word = allocate(end - start + 1);
    memcpy(word, start, end - start);
    word[end - start] = 0;
    *at = end;
    return word;
}

static struct command *parse(const char *text)
{
    struct command *command = allocate(sizeof *command);
    memset(command, 0, sizeof *command);
    int count = 0;
    while (*(text = skip_blanks(text))) {
        char mark = *text;
        text += is_mark(mark);
        if (mark == '|') {
            command->next = parse(text);
            break;
        }
        char *word = take_word(&text);
        if (mark == '<')
            command->input = word;
        else if (mark == '>')
            command->output = word;
        else if (count < WORDS)
            command->words[count++] = word;
        else
            fail("too many words:", word);
    }
    return command;
}

static void redirect(int fd, const char *path, int flags)
{
    if (!path)
        return;
    close(fd);
    if (open(path, flags) != fd)
        fail("cannot open", path);
}

static void run_one(struct command *command)
{
    redirect(0, command->input, O_RDONLY);
    redirect(1, command->output, O_WRONLY | O_CREATE | O_TRUNC);
    if (!command->words[0])
        exit(0);
    exec(command->words[0], command->words);
    fail("cannot run", command->words[0]);
}

static int start(void)
{
    int pid = fork();
    if (pid < 0)
        fail("no process for", "a command");
    return pid;
}

static void move(int from, int to)
{
    if (from < 0)
        return;
    close(to);
    dup(from);
    close(from);
}

// Runs a pipeline and waits for all of it.
static void run(struct command *command)
{
    int input = -1;
    for (; command; command = command->next) {
        int ends[2] = {-1, -1};
        if (command->next && pipe(ends) < 0)
            fail("no pipe for", "a command");
        if (start() == 0) {
            move(input, 0);
            move(ends[1], 1);
            close(ends[0]);
            run_one(command);
        }
        close(input);
        close(ends[1]);
        input = ends[0];
    }
    while (wait(0) >= 0)
        ;
    exit(0);
}

static void run_list(char *text)
{
    while (*text) {
        char *end = text;
        while (*end && *end != ';')
            end++;
        char *rest = *end ? end + 1 : end;
        *end = 0;
        if (start() == 0)
            run(parse(text));
        wait(0);
        text = rest;
    }
}

static void change_directory(const char *rest)
{
    char *path = take_word(&rest);
    if (chdir(path) < 0)
        fprintf(2, "sh: cannot cd %s\n", path);
    free(path);
}

int main(void)
{
    static char line[128];
    for (;;) {
        write(2, "$ ", 2);
        gets(line, sizeof line);
        if (line[0] == 0)
            exit(0);
        if (line[0] == 'c' && line[1] == 'd' && line[2] == ' ')
            change_directory(line + 3);
        else
            run_list(line);
    }
}
