//! Small bounds, checked completely, and every mistake, found with a short trace.

use clap::ValueEnum;
use stateright::{Checker, Expectation, HasDiscoveries};

use super::*;

/// Bounds that take seconds: the numbers of processes, pages and evictions.
const SMALL: [(usize, usize, u8); 2] = [(2, 1, 1), (2, 2, 0)];

fn bounds(size: (usize, usize, u8), format: Format, mistake: Option<Mistake>) -> Bounds {
    let (processes, pages, evictions) = size;
    Bounds {
        processes,
        pages,
        evictions,
        format,
        mistake,
    }
}

#[test]
fn the_protocol_keeps_the_rules() {
    for size in SMALL {
        for format in Format::value_variants() {
            let checked = bounds(size, *format, None).checker().spawn_bfs().join();
            for property in checked.model().properties() {
                let found = checked.discovery(property.name).is_some();
                let wanted = property.expectation == Expectation::Sometimes;
                assert_eq!(found, wanted, "{size:?}, {format:?}: {}", property.name);
            }
        }
    }
}

/// Returns the smallest bounds that show a mistake.
fn size_for(mistake: Mistake) -> (usize, usize, u8) {
    match mistake {
        Mistake::NoFlushAfterFork | Mistake::LastSharerUnnoticed => (2, 1, 0),
        Mistake::FillsSharedTable
        | Mistake::ProtectionStopsShort
        | Mistake::PathNotCounted
        | Mistake::DropsBeforeReferences
        | Mistake::FencesOnePage => (2, 2, 0),
        Mistake::RaisesFreedCount | Mistake::FencesOneSharer => (2, 1, 1),
        Mistake::SummaryKept => (3, 1, 0),
    }
}

#[test]
fn every_mistake_is_refuted_by_a_short_trace() {
    for &mistake in Mistake::value_variants() {
        for &format in Format::value_variants() {
            let checked = bounds(size_for(mistake), format, Some(mistake))
                .checker()
                .finish_when(HasDiscoveries::AnyFailures)
                .spawn_bfs()
                .join();
            let traces = checked
                .model()
                .properties()
                .into_iter()
                .filter(|property| property.expectation == Expectation::Always)
                .filter_map(|property| checked.discovery(property.name));
            let shortest = traces.map(|trace| trace.into_actions().len()).min();
            let steps = shortest.unwrap_or_else(|| panic!("{mistake:?}, {format:?}: not found"));
            assert!(steps <= 40, "{mistake:?}, {format:?}: {steps} steps");
        }
    }
}
