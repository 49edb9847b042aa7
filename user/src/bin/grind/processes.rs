//! What a mill does with processes and pipes.
//!
//! A fork that finds no memory is a valid answer, not a failure. The round then does nothing.

use user::file::{Fd, pipe};
use user::process::{self, Fork};
use user::random::Random;
use user::testing::child::{self, Child};
use user::testing::outcome::{Outcome, ensure, expect};

/// Returns a child that runs `body`, if there is memory for it.
pub fn fork_into(body: impl FnOnce() -> Outcome) -> Option<Child> {
    child::start(body).ok()
}

/// Forks a child that ends, with or without children of its own.
pub fn fork_and_wait(random: &mut Random) -> Outcome {
    let rest = random.once_in(20);
    let child = fork_into(|| {
        if rest {
            process::sleep(1)?;
        }
        Ok(())
    });
    child.map_or(Ok(()), Child::join)
}

/// Forks a child that has a child for which it does not wait.
pub fn fork_twice() -> Outcome {
    let child = fork_into(|| {
        // Both end at once. No process waits for the second; `init` reaps it.
        let _ = process::fork();
        Ok(())
    });
    child.map_or(Ok(()), Child::join)
}

/// Kills a child while it forks, computes or waits.
pub fn fork_and_kill(random: &mut Random) -> Outcome {
    let way = random.below(3);
    let pause = random.below(20_000);
    let Some(child) = fork_into(|| {
        loop {
            match way {
                0 => fork_once()?,
                1 => spin(100),
                _ => process::sleep(1)?,
            }
        }
    }) else {
        return Ok(());
    };
    spin(pause);
    process::kill(child.pid())?;
    child.join_killed("kill")
}

/// Makes a child that ends at once, and waits for it.
fn fork_once() -> Outcome {
    if process::fork()? == Fork::Child {
        process::exit(0)
    }
    process::wait()?;
    Ok(())
}

fn spin(rounds: u64) {
    for _ in 0..rounds {
        core::hint::spin_loop();
    }
}

/// A child executes another program, whose output comes back through a pipe.
pub fn execute(random: &mut Random) -> Outcome {
    let (read_end, write_end) = pipe()?;
    let exists = !random.once_in(8);
    let child = fork_into(|| {
        Fd::OUTPUT.close()?;
        let output = write_end.duplicate()?;
        ensure!(
            output == Fd::OUTPUT,
            "dup: expected descriptor 1, saw {}",
            output.0
        );
        write_end.close()?;
        read_end.close()?;
        let path = if exists { c"/echo" } else { c"/grind.no" };
        process::exec(path, [c"echo", c"flour"]);
        ensure!(!exists, "exec /echo: expected success, saw -1");
        output.write_all(b"flour\n")?;
        Ok(())
    });
    write_end.close()?;
    let outcome = child.map_or(Ok(()), |child| {
        let mut bytes = [0; 16];
        let mut used = 0;
        loop {
            match read_end.read(&mut bytes[used..])? {
                0 => break,
                count => used += count,
            }
        }
        child.join()?;
        ensure!(
            &bytes[..used] == b"flour\n",
            "the output of echo: expected 6 bytes, saw {used}, the first {}",
            bytes[0]
        );
        Ok(())
    });
    read_end.close()?;
    outcome
}

/// Sends bytes through a pipe in pieces of random sizes.
pub fn pipe_bytes(random: &mut Random) -> Outcome {
    let (read_end, write_end) = pipe()?;
    let total = random.below(3000) as usize;
    let mut writer_random = random.split();
    let child = fork_into(|| {
        read_end.close()?;
        let mut sent = 0;
        let mut piece = [0; 700];
        while sent < total {
            let count = (1 + writer_random.below(700) as usize).min(total - sent);
            for (at, byte) in piece[..count].iter_mut().enumerate() {
                *byte = (sent + at) as u8;
            }
            write_end.write_all(&piece[..count])?;
            sent += count;
        }
        Ok(())
    });
    write_end.close()?;
    let outcome = child.map_or(Ok(()), |child| {
        let mut received = 0;
        let mut piece = [0; 500];
        loop {
            let size = 1 + random.below(500) as usize;
            let count = read_end.read(&mut piece[..size])?;
            if count == 0 {
                break;
            }
            for &byte in &piece[..count] {
                ensure!(
                    byte == received as u8,
                    "a pipe: expected byte {}, saw {byte}",
                    received as u8
                );
                received += 1;
            }
        }
        // If the stream ended too early, the child says why.
        child.join()?;
        expect("bytes through a pipe", total, received)
    });
    read_end.close()?;
    outcome
}
