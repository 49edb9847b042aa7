//! Every allocation of every operation fails once ("fail-nth"). After the failure nothing has
//! changed, and the operation succeeds when it is tried again (R5, R7).
//!
//! The expected numbers are what the operations promise. A number is too small if an allocation
//! does not ask [`crate::Machine`] whether it may fail, and too large if an operation allocates
//! more than it needs.

use crate::space::Ending;
use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::commit::{Need, NoMemory};
use crate::machine::Machine;
use crate::pt::{Pte, Sv39, Walk};
use crate::space::copy::CopyFailure;
use crate::space::{Access, MapError};
use crate::testing::{
    audit, counter, fail_nth, free_frames, memory, read, resolve, user_page, write,
};

const FRAMES: u64 = 300;
/// The first page of another gigabyte.
const FAR: u64 = 1 << 18;

/// The memory and the spaces on which an operation works.
struct World {
    memory: &'static Memory<FakeMachine>,
    spaces: Vec<Space>,
}

/// Everything that can be observed of a world.
#[derive(PartialEq)]
struct Seen {
    counters: Vec<u64>,
    spaces: Vec<SpaceSeen>,
}

#[derive(PartialEq)]
struct SpaceSeen {
    heap_break: VirtAddr,
    usage: [u64; abi::PROC_COUNTERS],
    promises: u64,
    tables: u64,
    /// For each page: whether it is in an area, its entry, and its bytes.
    pages: Vec<(bool, Option<Pte<Sv39>>, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        Self {
            memory: memory(FRAMES),
            spaces: vec![],
        }
    }

    /// Returns a world with one empty space.
    fn with_space() -> Self {
        let mut world = Self::new();
        world.spaces.push(AddressSpace::new(world.memory).unwrap());
        world
    }

    /// Returns a world with a parent that has promised, lazy, read-only and missing pages in three
    /// leaf tables.
    fn with_parent() -> Self {
        let mut world = Self::with_space();
        let parent = world.parent();
        parent.grow(20 * PAGE, Promise::Charged).unwrap();
        for (start, permissions) in [(600, data()), (FAR, Permissions::READ)] {
            let area = pages(start, start + 8);
            parent.map(area, permissions, Promise::Lazy).unwrap();
        }
        write(parent, 3 * PAGE, &[3; 4 * PAGE_SIZE]).unwrap();
        write(parent, 602 * PAGE, &[6; 2 * PAGE_SIZE]).unwrap();
        read(parent, (FAR + 1) * PAGE, 1).unwrap();
        world
    }

    /// Returns [`World::with_parent`] with a child that shares the pages that are present.
    fn with_child() -> Self {
        let mut world = Self::with_parent();
        let child = world.parent().fork(COW).unwrap();
        world.spaces.push(child);
        world
    }

    fn parent(&mut self) -> &mut Space {
        &mut self.spaces[0]
    }

    fn look(&self) -> Seen {
        let mut counters = self.memory.stats().to_vec();
        // A failed search for memory may have cost a fence.
        counters.remove(abi::MemCounter::LocalFences as usize);
        Seen {
            counters,
            spaces: self
                .spaces
                .iter()
                .map(|space| self.look_at(space))
                .collect(),
        }
    }

    fn look_at(&self, space: &Space) -> SpaceSeen {
        let watched = (0..40).chain(596..640).chain(FAR - 2..FAR + 40);
        SpaceSeen {
            heap_break: space.heap_break(),
            usage: space.usage(),
            promises: space.unkept_promises(),
            tables: space.tables_below_root(),
            pages: watched
                .map(|page| {
                    let mut bytes = vec![0; PAGE_SIZE];
                    space.context().enter();
                    let machine = self.memory.machine();
                    let there = machine.read_user(PageNo(page).address(), &mut bytes);
                    space.context().leave();
                    bytes.truncate(there);
                    let pte = match self.memory.walk(space.context().root(), user_page(page)) {
                        Walk::Leaf(table, index) => Some(table.get(index)),
                        Walk::Missing { .. } => None,
                    };
                    (space.has_area_in(PageRange::one(PageNo(page))), pte, bytes)
                })
                .collect(),
        }
    }

    fn audit(&self) {
        if let Err(finding) = self.memory.audit(&self.spaces) {
            panic!("{finding}");
        }
    }
}

/// Refuses each allocation of `operation` in turn, each time in a new world. Returns how many
/// allocations there are.
fn sweep(build: impl Fn() -> World, operation: impl Fn(&mut World) -> Result<(), NoMemory>) -> u64 {
    for nth in 1.. {
        let mut world = build();
        let before = world.look();
        fail_nth(nth);
        let outcome = operation(&mut world);
        let all_granted = fail_nth(0) > 0;
        world.audit();
        if all_granted {
            assert_eq!(outcome, Ok(()));
            return nth - 1;
        }
        assert_eq!(outcome, Err(NoMemory::Places), "allocation {nth}");
        let after = world.look();
        assert_eq!(after.counters, before.counters, "allocation {nth}");
        assert!(after.spaces == before.spaces, "allocation {nth}");
        assert_eq!(operation(&mut world), Ok(()), "again, allocation {nth}");
        world.audit();
        world.spaces.clear();
        assert_eq!(free_frames(world.memory), FRAMES);
    }
    unreachable!("some operation has no end")
}

fn mapped<T>(result: Result<T, MapError>) -> Result<(), NoMemory> {
    result.map(|_| ()).map_err(|error| match error {
        MapError::NoMemory(error) => error,
        MapError::BadRange => panic!("the range is good"),
        MapError::Unwritten(_) => panic!("no file is mapped shared"),
    })
}

fn resolved<T>(outcome: Result<T, CopyFailure>) -> Result<(), NoMemory> {
    match outcome {
        Ok(_) => Ok(()),
        Err(CopyFailure::NoMemory) => Err(NoMemory::Places),
        Err(other) => panic!("the access is allowed, and was {other:?}"),
    }
}

#[test]
fn a_new_space() {
    // The allocations are: the root, the shared part of the context, and the context.
    let count = sweep(World::new, |world| {
        world.spaces.push(AddressSpace::new(world.memory)?);
        Ok(())
    });
    assert_eq!(count, 3);
}

#[test]
fn mapping_and_growing() {
    for (promise, expected) in [(Promise::Lazy, 1), (Promise::Charged, 2)] {
        // The allocations are: the list of areas; for what is promised, the tables, including those
        // in another gigabyte.
        let map = |start| {
            sweep(World::with_parent, |world| {
                mapped(
                    world
                        .parent()
                        .map(pages(start, start + 20), data(), promise),
                )
            })
        };
        assert_eq!((map(30), map(FAR + 10)), (expected, expected));
        assert_eq!(map(2 * FAR), expected);
        let grow = sweep(World::with_parent, |world| {
            mapped(world.parent().grow(5 * PAGE + 1, promise))
        });
        assert_eq!(grow, expected);
    }
}

#[test]
fn unmapping_what_is_no_hole_needs_no_memory() {
    let memory = memory(200);
    let mut space = space(memory, 20);
    let elsewhere = Permissions::READ;
    space.map(pages(20, 30), elsewhere, Promise::Lazy).unwrap();
    write(&mut space, 0, &[1; 20 * PAGE_SIZE]).unwrap();
    // The ranges are: the end of an area; the beginning of one; the rest of one and the beginning
    // of the next; the rest.
    for (start, end) in [(15, 20), (0, 5), (10, 25), (0, 30)] {
        fail_nth(1);
        let unmapped = space.unmap(pages(start, end), &mut Ending::new());
        assert_ne!(fail_nth(0), 0, "nothing was asked for");
        assert_eq!(unmapped, Ok(()));
        audit(memory, [&space]);
    }
    assert_eq!(counter(memory, MemCounter::Anonymous), 0);
}

#[test]
fn unmapping() {
    let (within, across, whole) = (pages(4, 5), pages(2, 604), pages(FAR, FAR + 8));
    // A hole in an area needs a node for the area behind it, and the child has no spare node.
    for (removed, expected) in [(within, 1), (across, 0), (whole, 0)] {
        let count = sweep(World::with_child, |world| {
            mapped(world.spaces[1].unmap(removed, &mut Ending::new()))
        });
        assert_eq!(count, expected, "{removed:?}");
    }
    let shrink = sweep(World::with_child, |world| {
        world
            .parent()
            .shrink(15 * PAGE, &mut Ending::new())
            .unwrap();
        Ok(())
    });
    assert_eq!(shrink, 0, "lowering the break needs no memory");
}

#[test]
fn forking() {
    for mode in [COW, ForkMode::Eager, ForkMode::SharedTables] {
        type Build = fn() -> World;
        let builds: [(Build, u64); 3] = [
            (World::with_space, 0),
            (World::with_parent, 3),
            (World::with_child, 3),
        ];
        for (build, areas) in builds {
            // The allocations are: tables and copies, the root, the shared part of the context, the
            // context, and a node for each area.
            let count = sweep(build, |world| {
                let mut child = world.parent().fork(mode)?;
                for page in [3, 6, 602, 603, FAR + 1] {
                    let bytes = read(&mut child, page * PAGE, PAGE_SIZE);
                    assert_eq!(bytes, read(world.parent(), page * PAGE, PAGE_SIZE));
                }
                world.spaces.push(child);
                Ok(())
            });
            assert_eq!(count, 4 + areas, "{mode:?}");
        }
    }
}

#[test]
fn faults() {
    let fault = |page: u64, access| {
        sweep(World::with_child, move |world| {
            resolved(resolve(world.parent(), VirtAddr(page * PAGE), access))
        })
    };
    assert_eq!(fault(0, Access::Write), 0, "promised");
    assert_eq!(fault(600, Access::Write), 1, "filled");
    assert_eq!(fault(3, Access::Write), 1, "copied");
    assert_eq!(fault(3, Access::Read), 0, "there already");
    let alone =
        |world: &mut World| resolved(resolve(world.parent(), VirtAddr(3 * PAGE), Access::Write));
    let build = || {
        let mut world = World::with_child();
        world.spaces.pop();
        world
    };
    assert_eq!(sweep(build, alone), 0, "the last owner copies nothing");
    let with_tables = || {
        let mut world = World::with_child();
        let area = pages(3 * FAR, 3 * FAR + 1);
        world.parent().map(area, data(), Promise::Lazy).unwrap();
        world
    };
    let far = |world: &mut World| {
        resolved(resolve(
            world.parent(),
            VirtAddr(3 * FAR * PAGE),
            Access::Read,
        ))
    };
    assert_eq!(
        sweep(with_tables, far),
        1,
        "a page and its tables are one claim"
    );
}

#[test]
fn the_kernel_copies_a_page() {
    let out = sweep(World::with_child, |world| {
        resolved(write(world.parent(), 3 * PAGE + 5, b"new"))
    });
    assert_eq!(out, 1);
    let into = sweep(World::with_child, |world| {
        resolved(read(world.parent(), 606 * PAGE, 3))
    });
    assert_eq!(into, 1);
}

#[test]
fn a_copy_over_pages_stops_between_two() {
    // Pages 5 and 6 are shared, and page 7 was promised.
    for nth in 1..=2 {
        let mut world = World::with_child();
        fail_nth(nth);
        let bytes = [9; 3 * PAGE_SIZE];
        let outcome = write(world.parent(), 5 * PAGE, &bytes);
        assert_eq!(outcome, Err(CopyFailure::NoMemory));
        assert_eq!(fail_nth(0), 0);
        world.audit();
        for page in 5..7 {
            let expected = if page - 5 < nth - 1 { 9 } else { 3 };
            let bytes = read(world.parent(), page * PAGE, PAGE_SIZE).unwrap();
            assert_eq!(bytes, [expected; PAGE_SIZE], "page {page}");
            assert_eq!(read(&mut world.spaces[1], page * PAGE, 1), Ok(vec![3]));
        }
        write(world.parent(), 5 * PAGE, &bytes).unwrap();
        world.audit();
        assert_eq!(
            read(world.parent(), 5 * PAGE, 3 * PAGE_SIZE).unwrap(),
            bytes
        );
    }
}

#[test]
fn kernel_memory() {
    for need in [Need::Passing, Need::Lasting] {
        let frame = |world: &mut World| world.memory.frame_for_kernel(need).map(drop);
        assert_eq!(sweep(World::with_parent, frame), 1);
    }
    // Objects of every size class, with and without a slab that has room; a page; neighbouring
    // frames.
    for size in (4..=11)
        .map(|bits| 1 << bits)
        .chain([PAGE_SIZE, 3 * PAGE_SIZE])
    {
        let object = |world: &mut World| {
            let object = world.memory.allocate_object(size, 8)?;
            world.memory.free_object(object, size, 8);
            Ok(())
        };
        let expected = if size <= PAGE_SIZE { 1 } else { 2 };
        assert_eq!(sweep(World::with_parent, object), expected, "{size} bytes");
    }
}
