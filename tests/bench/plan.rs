//! What planning costs: every pair of loads of a 7960 and of a 7941, with a store of a dozen sets. Prints a line; the aim is
//! under 1 ms a plan.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use offhook::catalog::Catalog;
use offhook::domain::Load;
use offhook::firmware::plan::{Facts, From, Paths, Stock, plan};

fn main() {
    let catalog = Catalog::builtin();
    let paths = Paths::builtin();
    let (mut plans, mut steps, mut all, mut longest) = (0_u32, 0, Duration::ZERO, Duration::ZERO);
    for name in ["7960", "7941"] {
        let model = catalog.find(name).unwrap();
        let known = paths.known(model);
        let held = |load: &Load| Stock { load: load.clone(), missing: Vec::new(), hardware: None };
        let stock: Vec<Stock> = known.iter().take(12).map(held).collect();
        let facts = Facts { stock: Some(&stock), ..Facts::default() };
        for from in &known {
            for to in &known {
                let begun = Instant::now();
                let planned = plan(paths, model, &From::Load(from.clone()), to, &facts);
                let took = begun.elapsed();
                plans += 1;
                steps += planned.map_or(0, |path| path.steps.len());
                all += took;
                longest = longest.max(took);
            }
        }
    }
    println!("plan: {plans} plans of {steps} steps, {:.3?} a plan, longest {longest:.3?}", all / plans);
}
