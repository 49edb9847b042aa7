//! The cost of fork against the size of the process, both logarithmic, one line for each system.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use plotters::prelude::*;

use super::Measured;

const SIZE: (u32, u32) = (800, 500);

/// Draws the plot as an SVG image.
pub fn draw(file: &Path, measured: &[Measured]) -> Result<()> {
    let mut image = String::new();
    draw_into(&mut image, measured)?;
    std::fs::write(file, image).with_context(|| format!("cannot write {}", file.display()))
}

fn draw_into(image: &mut String, measured: &[Measured]) -> Result<()> {
    let points = || measured.iter().flat_map(|one| one.figures.forks());
    let bounds = |values: Vec<u64>| {
        let least = values.iter().min().copied().unwrap_or(1).max(1);
        let most = values.iter().max().copied().unwrap_or(1);
        (least, most)
    };
    ensure!(points().next().is_some(), "there is no fork to draw");
    let sizes = bounds(points().map(|(size, _)| size).collect());
    let costs = bounds(points().map(|(_, cost)| cost).collect());
    let trouble = |error: &dyn std::fmt::Display| anyhow!("cannot draw: {error}");

    let area = SVGBackend::with_string(image, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| trouble(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "fork: guest instructions against resident MiB",
            ("sans-serif", 20),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(90)
        .build_cartesian_2d(
            (sizes.0..sizes.1 + 1).log_scale(),
            (costs.0 / 2..costs.1 * 2).log_scale(),
        )
        .map_err(|error| trouble(&error))?;
    chart
        .configure_mesh()
        .x_desc("resident memory of the process, MiB")
        .draw()
        .map_err(|error| trouble(&error))?;
    for (index, one) in measured.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let name = format!("{}, {}", one.system, one.arch.name());
        let line = LineSeries::new(one.figures.forks(), color.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)
            .map_err(|error| trouble(&error))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
        .map_err(|error| trouble(&error))?;
    area.present().map_err(|error| trouble(&error))
}

#[cfg(test)]
mod tests {
    use super::super::Figures;
    use super::*;
    use crate::arch::Arch;

    #[test]
    fn every_system_has_a_line_with_its_name() {
        let console = "forkbench fork-1m 100 instructions\nforkbench fork-512m 5000 instructions\n";
        let one = |system: &str| Measured {
            arch: Arch::Riscv64,
            system: system.to_owned(),
            mode: None,
            figures: Figures::read(console).expect("rows"),
        };
        let mut image = String::new();
        draw_into(&mut image, &[one("Linux"), one("Cowslip, cow")]).expect("an image");
        assert!(image.starts_with("<svg"));
        for name in ["Linux, riscv64", "Cowslip, cow, riscv64"] {
            assert!(image.contains(name), "{name}");
        }
        assert!(draw_into(&mut String::new(), &[]).is_err());
    }
}
