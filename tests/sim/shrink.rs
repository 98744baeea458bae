//! Makes a failing plan smaller: drops steps one at a time while it still fails.

use crate::mutant::Mutant;
use crate::plan::Plan;
use crate::run_plan;

/// The plan with only these steps, by their place in the plan of the seed.
pub fn keep(plan: &Plan, steps: &[usize]) -> Plan {
    let mut kept = plan.clone();
    kept.steps = steps.iter().filter_map(|nth| plan.steps.get(*nth).cloned()).collect();
    kept
}

/// The steps that the failure needs, by their place.
pub fn shrink(plan: &Plan, mutant: Option<Mutant>) -> Vec<usize> {
    let fails = |steps: &[usize]| run_plan(&keep(plan, steps), mutant, false).failure.is_some();
    let mut steps: Vec<usize> = (0..plan.steps.len()).collect();
    loop {
        let before = steps.len();
        let mut at = steps.len();
        while at > 0 {
            at -= 1;
            let mut fewer = steps.clone();
            fewer.remove(at);
            if fails(&fewer) {
                steps = fewer;
            }
        }
        if steps.len() == before {
            return steps;
        }
    }
}
