// Measures on Linux, as its init, the rows that `forkbench` (user/src/bin/forkbench) measures on
// Cowslip. Prints `forkbench ROW VALUE UNIT` for each, and `forkbench done` at the end.
//
// Instructions are read from the clock of a machine whose emulator counts them
// (`-icount shift=0`): the time-stamp counter on x86_64, `time` in steps of 100 on riscv64, where
// Linux does not let programs read `instret`. No library: the machine has no file but this one.

typedef unsigned long u64;
typedef unsigned char u8;

enum {
	PAGE = 4096,
	MEBIBYTE = (1 << 20) / PAGE,
	FAULT_PAGES = 256,
	FAULT_TRIES = 5,
	CROWD = 900,
	USE_TRIES = 3,
};

#if defined(__riscv)

enum {
	SYS_close = 57, SYS_pipe2 = 59, SYS_read = 63, SYS_write = 64, SYS_exit = 93,
	SYS_reboot = 142, SYS_getpid = 172, SYS_getrusage = 165, SYS_munmap = 215, SYS_clone = 220,
	SYS_execve = 221, SYS_mmap = 222, SYS_wait4 = 260, SYS_mount = 40, SYS_mkdirat = 34,
	SYS_openat = 56, SYS_nanosleep = 101,
};

static u64 now(void)
{
	u64 ticks;

	asm volatile("rdtime %0" : "=r"(ticks) : : "memory");
	return ticks * 100;
}

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long a0 asm("a0") = a;
	register long a1 asm("a1") = b;
	register long a2 asm("a2") = c;
	register long a3 asm("a3") = d;
	register long a4 asm("a4") = e;
	register long a5 asm("a5") = f;
	register long a7 asm("a7") = number;

	asm volatile("ecall"
		     : "+r"(a0)
		     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
		     : "memory");
	return a0;
}

asm(".globl _start\n"
    "_start: mv a0, sp\n"
    "\tandi sp, sp, -16\n"
    "\tcall start\n");

#elif defined(__x86_64__)

enum {
	SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_munmap = 11, SYS_getpid = 39,
	SYS_clone = 56, SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61, SYS_getrusage = 98,
	SYS_mount = 165, SYS_reboot = 169, SYS_openat = 257, SYS_mkdirat = 258, SYS_pipe2 = 293, SYS_nanosleep = 35,
};

static u64 now(void)
{
	unsigned int low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}

asm(".globl _start\n"
    "_start: mov %rsp, %rdi\n"
    "\tand $-16, %rsp\n"
    "\tcall start\n");

#else
#error "no such architecture"
#endif

static void text(const char *string)
{
	long length = 0;

	while (string[length])
		length++;
	call(SYS_write, 1, (long)string, length, 0, 0, 0);
}

static _Noreturn void power_off(void)
{
	const long magic[] = { 0xfee1dead, 672274793, 0x4321fedc };

	call(SYS_reboot, magic[0], magic[1], magic[2], 0, 0, 0);
	for (;;)
		;
}

static _Noreturn void leave(void)
{
	call(SYS_exit, 0, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}

// Returns the result of a system call that must not fail.
static long must(const char *what, long result)
{
	if (result < 0 && result > -4096) {
		text("forkbench: failed: ");
		text(what);
		text("\n");
		power_off();
	}
	return result;
}

static void row(const char *name, u64 value, const char *unit)
{
	char digits[21];
	int at = sizeof digits - 1;

	digits[at] = 0;
	do {
		digits[--at] = '0' + value % 10;
		value /= 10;
	} while (value);
	text("forkbench ");
	text(name);
	text(" ");
	text(digits + at);
	text(" ");
	text(unit);
	text("\n");
}

static long fork(void)
{
	enum { SIGCHLD = 17 };

	return must("fork", call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0));
}

static void wait(void)
{
	must("wait", call(SYS_wait4, -1, 0, 0, 0, 0, 0));
}

static void open_pipe(int ends[2])
{
	must("pipe", call(SYS_pipe2, (long)ends, 0, 0, 0, 0, 0));
}

static void close(int fd)
{
	must("close", call(SYS_close, fd, 0, 0, 0, 0, 0));
}

static volatile u8 *map(u64 pages)
{
	enum { READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };
	const long length = pages * PAGE;

	return (u8 *)must("mmap", call(SYS_mmap, 0, length, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0));
}

static void unmap(volatile u8 *memory, u64 pages)
{
	must("munmap", call(SYS_munmap, (long)memory, pages * PAGE, 0, 0, 0, 0));
}

static void touch(volatile u8 *memory, u64 pages)
{
	for (u64 page = 0; page < pages; page++)
		*(volatile u64 *)(memory + page * PAGE) = 1;
}

static void load(volatile u8 *memory, u64 pages)
{
	for (u64 page = 0; page < pages; page++)
		(void)*(volatile u64 *)(memory + page * PAGE);
}

static volatile u8 *resident(u64 pages)
{
	volatile u8 *memory = map(pages);

	touch(memory, pages);
	return memory;
}

static u64 lesser(u64 a, u64 b)
{
	return a < b ? a : b;
}

static void measure_getpid(void)
{
	enum { CALLS = 1000 };
	u64 least = -1;

	for (int try = 0; try < 3; try++) {
		u64 start = now();

		for (int i = 0; i < CALLS; i++)
			call(SYS_getpid, 0, 0, 0, 0, 0, 0);
		least = lesser(least, now() - start);
	}
	row("getpid", least / CALLS, "instructions");
}

struct life {
	u64 fork, whole;
};

// Returns the least cost of a child that ends at once or, with `exec`, executes this program.
static struct life life(int tries, int exec)
{
	struct life least = { -1, -1 };
	const char *arguments[] = { "/init", "nothing", 0 };

	for (int try = 0; try < tries; try++) {
		u64 start = now();

		if (fork() == 0) {
			if (exec)
				call(SYS_execve, (long)arguments[0], (long)arguments, 0, 0, 0, 0);
			leave();
		}
		least.fork = lesser(least.fork, now() - start);
		wait();
		least.whole = lesser(least.whole, now() - start);
	}
	return least;
}

static void measure_whole(void)
{
	static const struct {
		u64 pages;
		int tries;
		const char *fork, *exit, *exec;
	} sizes[] = {
		{ 1 * MEBIBYTE, 5, "fork-1m", "fork-exit-wait-1m", "fork-exec-wait-1m" },
		{ 64 * MEBIBYTE, 3, "fork-64m", "fork-exit-wait-64m", "fork-exec-wait-64m" },
		{ 512 * MEBIBYTE, 2, "fork-512m", "fork-exit-wait-512m", "fork-exec-wait-512m" },
	};

	row("fork-exit-wait-small", life(5, 0).whole, "instructions");
	for (int i = 0; i < 3; i++) {
		volatile u8 *memory = resident(sizes[i].pages);
		struct life exit = life(sizes[i].tries, 0);
		struct life exec = life(sizes[i].tries, 1);

		unmap(memory, sizes[i].pages);
		row(sizes[i].fork, exit.fork, "instructions");
		row(sizes[i].exit, exit.whole, "instructions");
		row(sizes[i].exec, exec.whole, "instructions");
	}
}

// Returns what a page costs the first time more than the second time, which finds all done.
static u64 first_touch(volatile u8 *memory)
{
	u64 start = now();
	u64 first, second;

	touch(memory, FAULT_PAGES);
	first = now() - start;
	start = now();
	touch(memory, FAULT_PAGES);
	second = now() - start;
	return (first - second) / FAULT_PAGES;
}

static u64 zero_fault(void)
{
	volatile u8 *memory = map(FAULT_PAGES);
	u64 cost = first_touch(memory);

	unmap(memory, FAULT_PAGES);
	return cost;
}

static u64 faults(void)
{
	long usage[18];

	must("getrusage", call(SYS_getrusage, 0, (long)usage, 0, 0, 0, 0));
	return usage[8]; // ru_minflt
}

// Returns what a child finds that touches a region first: the cost of a page, or the number of
// faults when it only reads.
static u64 ask_child(volatile u8 *memory, u64 pages_to_read)
{
	int ends[2];
	u64 answer = 0;

	open_pipe(ends);
	if (fork() == 0) {
		if (pages_to_read) {
			faults();
			answer = faults();
			load(memory, pages_to_read);
			answer = faults() - answer;
		} else {
			answer = first_touch(memory);
		}
		call(SYS_write, ends[1], (long)&answer, sizeof answer, 0, 0, 0);
		leave();
	}
	close(ends[1]);
	must("read", call(SYS_read, ends[0], (long)&answer, sizeof answer, 0, 0, 0));
	close(ends[0]);
	wait();
	return answer;
}

static u64 copy_fault(void)
{
	volatile u8 *memory = resident(FAULT_PAGES);
	u64 cost = ask_child(memory, 0);

	unmap(memory, FAULT_PAGES);
	return cost;
}

static u64 reuse_fault(void)
{
	volatile u8 *memory = resident(FAULT_PAGES);
	u64 cost;

	if (fork() == 0)
		leave();
	wait();
	cost = first_touch(memory);
	unmap(memory, FAULT_PAGES);
	return cost;
}

static void measure_faults(void)
{
	static const struct {
		const char *name;
		u64 (*cost)(void);
	} rows[] = {
		{ "zero-fault", zero_fault },
		{ "copy-fault", copy_fault },
		{ "reuse-fault", reuse_fault },
	};

	for (int i = 0; i < 3; i++) {
		u64 least = -1;

		for (int try = 0; try < FAULT_TRIES; try++)
			least = lesser(least, rows[i].cost());
		row(rows[i].name, least, "instructions");
	}
}

// Ends the calling child when nobody has the write end of the pipe any more.
static _Noreturn void wait_at(int ends[2])
{
	char byte;

	close(ends[1]);
	call(SYS_read, ends[0], (long)&byte, 1, 0, 0, 0);
	leave();
}

// Starts a child that waits. Returns the gate: it ends when that is closed.
static int waiting_child(void)
{
	int ends[2];

	open_pipe(ends);
	if (fork() == 0)
		wait_at(ends);
	close(ends[0]);
	return ends[1];
}

// Returns the longest time between two stores of a process that stores to one page after the
// other, and forks half-way.
static u64 longest_pause(void)
{
	const u64 pages = 512 * MEBIBYTE;
	volatile u8 *memory = resident(pages);
	u64 longest = 0, last = now();
	int gate = -1;

	for (u64 page = 0; page < pages; page++) {
		u64 time;

		if (page == pages / 2)
			gate = waiting_child();
		*(volatile u64 *)(memory + page * PAGE) = 2;
		time = now();
		if (time - last > longest)
			longest = time - last;
		last = time;
	}
	close(gate);
	wait();
	unmap(memory, pages);
	return longest;
}

// Returns the bytes of all page tables, as /proc/meminfo has them.
static u64 page_tables(void)
{
	static char buffer[4096];
	static const char key[] = "PageTables:";
	int fd = must("meminfo", call(SYS_openat, -100, (long)"/proc/meminfo", 0, 0, 0, 0));
	long length = must("meminfo", call(SYS_read, fd, (long)buffer, sizeof buffer - 1, 0, 0, 0));

	close(fd);
	for (long at = 0; at + (long)sizeof key < length; at++) {
		long same = 0;
		u64 value = 0;

		while (key[same] && buffer[at + same] == key[same])
			same++;
		if (key[same])
			continue;
		for (at += same; buffer[at] == ' '; at++)
			;
		for (; buffer[at] >= '0' && buffer[at] <= '9'; at++)
			value = value * 10 + buffer[at] - '0';
		return value * 1024;
	}
	must("PageTables", -1);
	return 0;
}

// Returns the bytes of page tables per child of so many that live.
static u64 tables(int children)
{
	int ends[2];
	u64 before, after;

	open_pipe(ends);
	before = page_tables();
	for (int i = 0; i < children; i++)
		if (fork() == 0)
			wait_at(ends);
	after = page_tables();
	close(ends[0]);
	close(ends[1]);
	for (int i = 0; i < children; i++)
		wait();
	return (after - before) / children;
}

static u64 child_uses(void (*use)(volatile u8 *, u64), volatile u8 *memory, u64 pages)
{
	u64 start = now();

	if (fork() == 0) {
		use(memory, pages);
		leave();
	}
	wait();
	return now() - start;
}

static u64 parent_writes(volatile u8 *memory, u64 pages)
{
	u64 start = now(), cost;
	int gate = waiting_child();

	touch(memory, pages);
	cost = now() - start;
	close(gate);
	wait();
	return cost;
}

static void measure_after(void)
{
	const u64 pages = 64 * MEBIBYTE;
	u64 writes = -1, reads = -1, parent = -1;
	volatile u8 *memory;

	row("longest-pause-512m", longest_pause(), "instructions");
	memory = resident(pages);
	for (int try = 0; try < USE_TRIES; try++) {
		writes = lesser(writes, child_uses(touch, memory, pages));
		reads = lesser(reads, child_uses(load, memory, pages));
		parent = lesser(parent, parent_writes(memory, pages));
	}
	row("child-writes-64m", writes, "instructions");
	row("child-reads-64m", reads, "instructions");
	row("child-read-faults-64m", ask_child(memory, pages), "faults");
	row("parent-writes-64m", parent, "instructions");
	row("child-tables-64m", tables(1), "bytes");
	row("crowd-tables-64m", tables(CROWD), "bytes");
}

_Noreturn void start(long *stack)
{
	const long settling[] = { 5, 0 };

	if (stack[0] > 1)
		leave(); // What a child executes.
	// The kernel goes on with its boot after it has started init.
	call(SYS_nanosleep, (long)settling, 0, 0, 0, 0, 0);
	must("mkdir", call(SYS_mkdirat, -100, (long)"/proc", 0755, 0, 0, 0));
	must("mount", call(SYS_mount, (long)"proc", (long)"/proc", (long)"proc", 0, 0, 0));
	measure_getpid();
	measure_whole();
	measure_faults();
	measure_after();
	text("forkbench done\n");
	power_off();
}
