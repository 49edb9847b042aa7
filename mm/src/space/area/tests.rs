//! Areas by themselves: what each operation does, and random operations beside a map of pages.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::{FakeMachine, fail_nth, memory, user_range};

type Pages = (u64, u64);

const BOTH: Permissions = Permissions::READ.union(Permissions::WRITE);

fn range((start, end): Pages) -> PageRange {
    PageRange::new(PageNo(start), PageNo(end))
}

fn area(start: u64, end: u64, promise: Promise) -> Area {
    Area::private(user_range(start, end), Permissions::READ, promise)
}

fn sorted(areas: &Areas) -> Vec<Pages> {
    let pages = |area: &Area| (area.pages.start.0, area.pages.end.0);
    areas.iter().map(pages).collect()
}

/// Areas, and the memory that their nodes are asked of.
struct World {
    memory: &'static Memory<FakeMachine>,
    areas: Areas,
}

impl World {
    fn of(list: &[Area]) -> Self {
        let (memory, areas) = (memory(64), Areas::new());
        let mut world = Self { memory, areas };
        for area in list {
            world.add(area.clone());
        }
        world
    }

    fn add(&mut self, area: Area) {
        self.areas.reserve(self.memory).unwrap();
        self.areas.add(area);
        self.check();
    }

    fn remove(&mut self, pages: Pages) -> Vec<u64> {
        let mut pieces = vec![];
        self.areas.reserve(self.memory).unwrap();
        let piece = |piece: Area| pieces.push(piece.pages.len());
        self.areas.remove(range(pages), piece);
        self.check();
        pieces
    }

    fn protect(&mut self, pages: Pages, permissions: Permissions) -> Vec<Pages> {
        let mut pieces = vec![];
        self.areas.reserve(self.memory).unwrap();
        let piece = |_: &Area, cut: UserRange| pieces.push((cut.start.0, cut.end.0));
        self.areas.protect(range(pages), permissions, piece);
        self.check();
        pieces
    }

    /// The tree is what it should be, and no neighbours could be one.
    fn check(&self) {
        let (kept, found) = self.areas.count();
        let list: Vec<_> = self.areas.iter().collect();
        assert_eq!((kept, found), (list.len() as u64, list.len() as u64));
        assert!(list.windows(2).all(|pair| !pair[1].continues(pair[0])));
    }
}

#[test]
fn neighbours_merge() {
    use Promise::{Charged, Lazy};
    let mut world = World::of(&[
        area(0, 2, Charged),
        area(4, 6, Charged),
        area(2, 4, Charged),
    ]);
    assert_eq!(sorted(&world.areas), [(0, 6)]);
    world.add(area(6, 7, Lazy));
    let lazy_is_apart = [(0, 6), (6, 7)];
    assert_eq!(sorted(&world.areas), lazy_is_apart);
}

#[test]
fn nodes_are_made_before_they_are_needed() {
    let mut world = World::of(&[]);
    for start in (0..60).step_by(3) {
        // A hole in an area, and a new area in the hole.
        world.add(area(start, start + 3, Promise::Lazy));
        world.areas.reserve(world.memory).unwrap();
        fail_nth(1);
        world.areas.remove(range((start + 1, start + 2)), drop);
        world
            .areas
            .add(area(start + 1, start + 2, Promise::Charged));
        assert_eq!(fail_nth(0), 1, "nothing was asked for");
        world.check();
    }
    // The last third of each is one with the first of the next.
    assert_eq!(world.areas.count(), (41, 41));
}

#[test]
fn a_hole_splits() {
    let mut world = World::of(&[area(0, 10, Promise::Lazy), area(12, 14, Promise::Lazy)]);
    assert_eq!(world.remove((4, 13)), [6, 1]);
    assert_eq!(sorted(&world.areas), [(0, 4), (13, 14)]);
    world.remove((1, 2));
    let found = [0, 1, 2].map(|page| world.areas.find(PageNo(page)).is_some());
    assert_eq!(found, [true, false, true]);
}

#[test]
fn permissions_change_piece_by_piece() {
    let mut world = World::of(&[area(0, 10, Promise::Lazy), area(10, 12, Promise::Charged)]);
    let as_it_was = world.protect((2, 4), Permissions::READ);
    assert_eq!((as_it_was, world.areas.count().0), (vec![(2, 4)], 2));
    assert_eq!(world.protect((2, 4), BOTH), [(2, 4)]);
    assert_eq!(world.areas.count().0, 4);
    let pieces = world.protect((3, 11), Permissions::READ);
    assert_eq!(pieces, [(3, 4), (4, 10), (10, 11)]);
    assert_eq!(world.areas.count().0, 4);
    world.protect((0, 12), BOTH);
    assert_eq!(world.areas.count().0, 2);
    assert_eq!(world.protect((5, 5), BOTH), []);
}

#[test]
fn overlap_is_exact() {
    let world = World::of(&[area(5, 8, Promise::Lazy)]);
    let overlaps = |start, end| world.areas.overlaps(range((start, end)));
    assert!(!overlaps(0, 5) && !overlaps(8, 9) && !overlaps(6, 6));
    assert!(overlaps(0, 6) && overlaps(7, 9) && overlaps(6, 7) && overlaps(0, 20));
}

#[test]
fn a_child_of_which_not_all_fits_is_an_answer() {
    let mut world = World::of(&[]);
    for start in 0..10 {
        world.add(area(2 * start, 2 * start + 1, Promise::Charged));
    }
    for nth in 1..=10 {
        let mut child = Areas::new();
        fail_nth(nth);
        let made = child.add_for_child(&world.areas, world.memory);
        assert_eq!(fail_nth(0), 0, "it asks for each node");
        assert_eq!(made, Err(NoMemory::Places));
        assert_eq!(child.count(), (nth - 1, nth - 1));
    }
    let mut child = Areas::new();
    child.add_for_child(&world.areas, world.memory).unwrap();
    assert_eq!(sorted(&child), sorted(&world.areas));
    assert!(child.iter().all(|area| area.promise == Promise::Lazy));
}

#[test]
fn ten_thousand_lie_at_most_eighteen_deep() {
    let mut world = World::of(&[]);
    let mut add = |start: u64| {
        world.areas.reserve(world.memory).unwrap();
        world.areas.add(area(start, start + 1, Promise::Lazy));
    };
    // As a program maps: downwards, and then into what is left.
    (5_000..10_000).rev().for_each(|n| add(4 * n));
    (0..5_000).for_each(|n| add(4 * n));
    assert_eq!(world.areas.count(), (10_000, 10_000));
    // 1.44 times the logarithm.
    assert!(world.areas.tree.height() <= 18);
}

/// The pages that are in an area, and what is said of each.
type Model = BTreeMap<u64, (Permissions, Promise)>;

const PAGES: u64 = 40;

fn highest_gap(model: &Model, count: u64) -> Option<u64> {
    let free = |start: &u64| (*start..start + count).all(|page| !model.contains_key(&page));
    (0..=PAGES - count).rev().find(free)
}

fn act(world: &mut World, model: &mut Model, kind: u8, (start, end): Pages, permissions: u8) {
    let pages = start..end;
    let permissions = [Permissions::READ, BOTH][usize::from(permissions)];
    let promise = [Promise::Lazy, Promise::Charged][usize::from(kind % 2)];
    match kind {
        0..4 if !world.areas.overlaps(range((start, end))) => {
            model.extend(pages.map(|page| (page, (permissions, promise))));
            if start < end {
                world.add(Area::private(user_range(start, end), permissions, promise));
            }
        }
        4..7 => {
            let had = pages.clone().filter(|page| model.contains_key(page));
            let had = had.count() as u64;
            assert_eq!(world.remove((start, end)).iter().sum::<u64>(), had);
            model.retain(|page, _| !pages.contains(page));
        }
        7.. if world.areas.cover(range((start, end))) => {
            world.protect((start, end), permissions);
            for (_, of_page) in model.range_mut(pages) {
                of_page.0 = permissions;
            }
        }
        _ => {}
    }
}

fn compare(world: &World, model: &Model, pages: Pages) {
    for page in 0..PAGES {
        let found = world.areas.find(PageNo(page));
        let found = found.map(|area| (area.permissions, area.promise));
        assert_eq!(found, model.get(&page).copied(), "page {page}");
    }
    let (areas, within) = (&world.areas, range(pages));
    let mut of_range = pages.0..pages.1;
    assert_eq!(
        areas.cover(within),
        of_range.clone().all(|page| model.contains_key(&page))
    );
    assert_eq!(
        areas.overlaps(within),
        of_range.any(|page| model.contains_key(&page))
    );
    for count in 1..6 {
        let gap = areas.highest_gap(count, PageNo(PAGES));
        assert_eq!(gap.map(|gap| gap.start.0), highest_gap(model, count));
        assert!(gap.is_none_or(|gap| gap.len() == count));
    }
}

proptest! {
    #[test]
    fn areas_are_what_a_map_of_pages_says(
        steps in prop::collection::vec((0..9u8, 0..PAGES, 0..8u64, 0..2u8), 1..80),
    ) {
        let (mut world, mut model) = (World::of(&[]), Model::new());
        for (kind, start, length, permissions) in steps {
            let pages = (start, (start + length).min(PAGES));
            act(&mut world, &mut model, kind, pages, permissions);
            compare(&world, &model, pages);
        }
    }
}
